package kept_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lablab/internal/nstest"
)

// The lab is stopped, as when a laptop sleeps, while a flood overflows the kernel's buffers. It
// reports that it missed something, continues, and is exact again.
func TestStoppedAmidAFlood(t *testing.T) {
	nstest.Tool(t, "ping")
	eachWay(t, func(t *testing.T, k *kept) {
		pid := k.status().PID
		input, begin, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer input.Close()
		defer begin.Close()
		const packets = "15000" // a socket's buffer has room for half of them
		flood := k.daemon("B", input, "sh", "-c", "echo ready; read line; exec ping -q -f -c "+packets+" A")
		flood.says(t, "ready")
		stop(t, pid)
		_, _ = io.WriteString(begin, "\n")
		within(t, time.Minute, "the flood", func() { _ = flood.ended() })
		_ = syscall.Kill(pid, syscall.SIGCONT)
		if said := flood.said(); !strings.Contains(said, " 0% packet loss") {
			t.Errorf("the flood was disturbed:\n%s", said)
		}
		eventually(t, "it says what it has missed", func() bool { return k.status().Missed > 0 })
		exact(t, k)
	})
}

// stop stops a process. A signal stops its threads one after the other; this waits for the last of
// them.
func stop(t *testing.T, pid int) {
	t.Helper()
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	eventually(t, "every thread is stopped", func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		return !slices.ContainsFunc(threads, func(file string) bool {
			status, err := os.ReadFile(file)
			return err == nil && !strings.Contains(string(status), "\nState:\tT (stopped)\n")
		})
	})
}

// exact fails the test unless the trace has all packets of two pings, with a change of the rules
// between them.
func exact(t *testing.T, k *kept) {
	t.Helper()
	const packets = 50
	k.must("cut", "--all")
	trace := k.begin("trace", nil, "A", "--protocol", "icmp")
	trace.says(t, "press Ctrl-C to stop")
	k.must("exec", "B", "--", "ping", "-q", "-c", fmt.Sprint(packets), "-i", "0.01", "A")
	flows := k.must("flows", "A")
	k.must("revoke", "icmp")
	_, _ = k.run("exec", "B", "--", "ping", "-q", "-c2", "-i0.1", "-W1", "A")
	eventually(t, "all packets are traced", func() bool { return strings.Count(trace.said(), " icmp 10.255.") >= 2*packets+2 })
	trace.end()
	said := trace.said()
	if want := fmt.Sprintf("%d packets, nothing lost", 2*packets+2); !strings.Contains(said, want) || strings.Count(said, "DROP") != 2 {
		t.Errorf("want %s and two dropped:\n%s", want, said)
	}
	if want := fmt.Sprintf(`%d sent, %d back, .*admitted by icmp\n`, packets, packets); !regexp.MustCompile(want).MatchString(flows) {
		t.Errorf("want %s:\n%s", want, flows)
	}
}

// A trace that is ended prints everything that had happened by then.
func TestTraceToTheEnd(t *testing.T) {
	t.Parallel()
	nstest.Tool(t, "ping")
	eachWay(t, func(t *testing.T, k *kept) {
		for range 5 {
			trace := k.begin("trace", nil, "--protocol", "icmp")
			trace.says(t, "press Ctrl-C to stop")
			k.must("exec", "B", "--", "ping", "-q", "-c1", "A")
			trace.end()
			if said := trace.said(); !strings.Contains(said, "\n4 packets, nothing lost\n") {
				t.Errorf("of a ping it says:\n%s", said)
			}
		}
	})
}

// Watchers are stopped while other clients flood the lab and change it. No client waits. When the
// watchers continue, they get the rest and end with the lab.
func TestStoppedWatchers(t *testing.T) {
	nstest.Tool(t, "ping")
	eachWay(t, func(t *testing.T, k *kept) {
		watchers := map[string]*daemon{
			"events": k.begin("events", nil), "flows": k.begin("flows", nil, "--watch"), "trace": k.begin("trace", nil, "A"),
		}
		for verb, word := range map[string]string{"events": `"kind":"ready"`, "flows": "× gone", "trace": "press Ctrl-C to stop"} {
			watchers[verb].says(t, word)
			stop(t, watchers[verb].Process.Pid)
		}
		within(t, time.Minute, "the flood", func() {
			if out := k.must("exec", "B", "--", "ping", "-q", "-f", "-c", "3000", "A"); !strings.Contains(out, " 0% packet loss") {
				t.Error(out)
			}
		})
		within(t, 5*time.Second, "changes", func() {
			k.must("revoke", "icmp")
			k.must("authorize", "icmp")
			k.must("cut", "--all")
		})
		for _, w := range watchers {
			_ = w.Process.Signal(syscall.SIGCONT)
		}
		k.must("revoke", "icmp")
		watchers["events"].says(t, `"kind":"rule_revoked"`)
		_, _ = k.run("exec", "B", "--", "ping", "-q", "-c1", "-W1", "A")
		watchers["trace"].says(t, "DROP")
		within(t, 5*time.Second, "down", func() { k.must("down") })
		within(t, 10*time.Second, "the end of who watched", func() {
			for _, w := range watchers {
				_ = w.ended()
			}
		})
		// Every line that was left out is counted.
		trace := watchers["trace"].said()
		seen := strings.Count(trace, " icmp 10.255.")
		if !strings.Contains(trace, "lost") || seen == 0 {
			t.Errorf("%d packets seen:\n%s", seen, trace[max(len(trace)-300, 0):])
		}
	})
}
