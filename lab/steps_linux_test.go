package lab

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
	"lablab/scenario"
	"lablab/timeline"
)

// Whichever step of building a lab fails, the error says why, and nothing stays open. The steps fail
// one after the other because each needs one file more than those before.
func TestBuildFailsAtEachStep(t *testing.T) {
	nstest.Kernel(t)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}
	defer restore()
	open := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	const most = 100 // files of a lab
	had, failed := open(), 0
	for more := range most {
		limit := unix.Rlimit{Cur: uint64(had + more), Max: before.Max}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		l, err := Build(t.Context(), scenario.FourExperiments(), Options{}, timeline.NewLog())
		restore()
		if err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			break
		}
		if failed++; err.Error() == "" {
			t.Errorf("%d files more: an error without words", more)
		}
		if has := open(); has != had {
			t.Fatalf("%d files more: %v; %d files are open, not %d", more, err, has, had)
		}
	}
	if failed < 5 || failed == most {
		t.Errorf("%d steps failed", failed)
	}
}
