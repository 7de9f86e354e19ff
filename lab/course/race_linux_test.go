//go:build race

package course_test

func init() { *seeds = 60 } // the race detector makes each take several times as long
