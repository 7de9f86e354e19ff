package lab

import (
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/scenario"
)

// Every scenario of the course holds, and nothing is missed.
func TestCourse(t *testing.T) {
	nstest.Kernel(t)
	for _, name := range scenario.Builtins() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc, _ := scenario.Builtin(name)
			held(t, run(t, sc, 10*time.Millisecond))
		})
	}
}
