//go:build race

package course_test

func init() { *seeds, *changes = 60, 20 } // the race detector makes each take several times as long
