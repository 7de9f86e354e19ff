package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"lablab/internal/nstest"
)

const small = `name: small-%d
title: A ping, and a rule that is revoked
interval: %s
hosts:
  A: { address: 10.0.0.1/24, groups: [lab] }
  B: { address: 10.0.0.2/24, groups: [lab] }
groups:
  lab:
    ingress: [{ id: icmp, protocol: icmp, cidr: 10.0.0.0/24 }]
    egress: [{ id: out, protocol: all, cidr: 0.0.0.0/0 }]
experiments:
  - title: a ping starts
    do: [{ ping: A, from: B, as: "1" }]
    for: 3
    expect: { "1": replied }
  - title: the rule is revoked
    do: [{ revoke: icmp, group: lab }]
    for: 3
    expect: { "1": replied }
`

// collection returns a directory with n small scenarios.
func collection(t testing.TB, n int, interval string) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.yaml", i)), fmt.Appendf(nil, small, i, interval), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A signal ends all scenarios within a second, and each is in the report.
func TestSignalEndsMany(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	for _, rootless := range []string{"auto", "always"} {
		t.Run(rootless, func(t *testing.T) {
			t.Parallel()
			// One ends soon; the others would run for minutes.
			dir := collection(t, 4, "60s")
			if err := os.WriteFile(filepath.Join(dir, "000.yaml"), fmt.Appendf(nil, small, 0, "1ms"), 0o600); err != nil {
				t.Fatal(err)
			}
			var out []byte
			for attempt := 0; len(out) == 0 && attempt < 5; attempt++ { // a busy machine may cut it off
				out = endBy(t, syscall.SIGTERM, exec.Command(path, "run", "-j", "2", "--format", "json", "--rootless", rootless, dir), "held ")
			}
			var reports []struct {
				Scenario          string
				Held, Interrupted bool
			}
			if err := json.Unmarshal(out, &reports); err != nil || len(reports) != 4 {
				t.Fatalf("%v, %d reports\n%s", err, len(reports), out)
			}
			for i, r := range reports {
				if r.Held != (i == 0) || r.Interrupted != (i > 0) || r.Scenario != fmt.Sprintf("small-%d", i) {
					t.Errorf("report %d: %+v", i, r)
				}
			}
		})
	}
}

// The reader of the lines closes the pipe early.
func TestManyIntoAClosedPipe(t *testing.T) {
	t.Parallel()
	dir := collection(t, 6, "1ms")
	c := exec.Command("sh", "-c", nstest.LabBuilder(t)+" run -j 1 "+dir+" | head -n 1")
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil || strings.Count(string(out), "\n") != 1 || complaints.Len() > 0 {
		t.Errorf("%v, %q, complains: %s", err, out, &complaints)
	}
}

// On a terminal a replay waits for Enter before each experiment but the first, and shows each
// experiment once.
func TestReplayStepByStep(t *testing.T) {
	t.Parallel()
	c := exec.Command(nstest.Lablab(t), "replay", "--step", "--speed", "0", "--color", "never", "../../testdata/ping.jsonl")
	c.Env = append(os.Environ(), "TERM=xterm-256color")
	tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: 50, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	for n := 2; n <= 4; n++ {
		shown.WriteString(nstest.WaitFor(t, tty, fmt.Sprintf("press Enter for experiment %d", n)))
		if strings.Contains(shown.String(), fmt.Sprintf("Experiment %d:", n)) {
			t.Errorf("experiment %d was not waited for", n)
		}
		if _, err := tty.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.Copy(&shown, tty) // ends with EIO when the command does
	_ = tty.Close()
	if err := c.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &shown)
	}
	for n := 1; n <= 4; n++ {
		if got := strings.Count(left(shown.String()), fmt.Sprintf("Experiment %d:", n)); got != 1 {
			t.Errorf("experiment %d is shown %d times:\n%s", n, got, &shown)
		}
	}
}

// left returns what remains visible of output to a terminal, where the cursor may go back and
// redraw lines.
func left(written string) string {
	up := regexp.MustCompile(`\x1b\[(\d+)A`)
	var lines []string
	for line := range strings.Lines(written) {
		for _, back := range up.FindAllStringSubmatch(line, -1) {
			n, _ := strconv.Atoi(back[1])
			lines = lines[:max(len(lines)-n, 0)]
		}
		lines = append(lines, line[max(strings.LastIndex(line, "A\x1b[J"), 0):])
	}
	return strings.Join(lines, "")
}

// A signal ends a replay at once.
func TestSignalEndsAReplay(t *testing.T) {
	t.Parallel()
	c := exec.Command(nstest.Lablab(t), "replay", "--speed", "0.001", "../../testdata/ping.jsonl")
	endBy(t, syscall.SIGINT, c, "building the lab")
}
