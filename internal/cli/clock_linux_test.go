package cli_test

import (
	"encoding/json"
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
		out, _, code := amid(t, c, "experiment 2", func() { stepClock(t, seconds) })
		stepClock(t, -seconds)
		var report struct {
			Held bool
		}
		if err := json.Unmarshal(out, &report); err != nil || code != 0 || !report.Held {
			t.Errorf("after %d s: exit code %d, %v\n%s", seconds, code, err, out)
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
