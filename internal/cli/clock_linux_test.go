package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
)

// The clock is set while a run lasts, by years in both directions. Verdicts and times do not change.
// The clock is the whole machine's, so this runs only where that is allowed.
func TestClockSteps(t *testing.T) {
	if os.Getenv("LABLAB_CLOCK") != "set" {
		t.Skip("LABLAB_CLOCK=set does not allow to set the machine's clock")
	}
	path := nstest.LabBuilder(t)
	const year = 365 * 24 * 3600
	for _, seconds := range []int64{8 * year, -20 * year, 3600, -3600} {
		c := exec.Command(path, "run", "--interval", "20ms", "--format", "json")
		var out bytes.Buffer
		c.Stdout = &out
		progress, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		nstest.WaitFor(t, progress, "experiment 2")
		stepClock(t, seconds)
		_, _ = io.Copy(io.Discard, progress)
		code := nstest.ExitCode(c.Wait())
		stepClock(t, -seconds)
		var report struct {
			Held bool
		}
		if err := json.Unmarshal(out.Bytes(), &report); err != nil || code != 0 || !report.Held {
			t.Errorf("after %d s: exit code %d, %v\n%s", seconds, code, err, out.Bytes())
		}
	}
}

// stepClock sets the clock forward.
func stepClock(t *testing.T, seconds int64) {
	t.Helper()
	now := unix.NsecToTimeval(time.Now().Add(time.Duration(seconds) * time.Second).UnixNano())
	if err := unix.Settimeofday(&now); err != nil {
		t.Fatal(err)
	}
}
