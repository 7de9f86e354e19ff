package sim_test

import (
	"testing"
	"time"

	"lablab/play"
	"lablab/scenario"
	"lablab/sim"
	"lablab/timeline"
)

// BenchmarkCourse runs the whole course, one scenario after the other. It is to take less than
// 100 ms.
func BenchmarkCourse(b *testing.B) {
	var course []*scenario.Scenario
	for _, name := range scenario.Builtins() {
		sc, _ := scenario.Builtin(name)
		course = append(course, sc)
	}
	for b.Loop() {
		for _, sc := range course {
			if err := play.Run(b.Context(), sim.Target{Interval: 10 * time.Millisecond}, sc, timeline.NewLog()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/course")
}
