package kept_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"lablab/internal/nstest"
)

// A screen is what a program has written to its terminal so far.
type screen struct {
	*os.File
	mu   sync.Mutex
	text []byte
	done chan struct{}
}

// onTerminal starts a program on its own terminal.
func onTerminal(t *testing.T, c *exec.Cmd) *screen {
	t.Helper()
	return onTerminalOf(t, c, pty.Winsize{Rows: 24, Cols: 80})
}

func onTerminalOf(t *testing.T, c *exec.Cmd, size pty.Winsize) *screen {
	t.Helper()
	tty, err := pty.StartWithSize(c, &size)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{File: tty, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		buffer := make([]byte, 4096)
		for {
			n, err := tty.Read(buffer)
			s.mu.Lock()
			s.text = append(s.text, buffer[:n]...)
			s.mu.Unlock()
			if err != nil { // EIO: no process has the other end open
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = tty.Close()
	})
	return s
}

// press types on the terminal.
func (s *screen) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := s.WriteString(keys); err != nil {
		t.Error(err)
	}
}

var sequence = regexp.MustCompile("\x1b\\[[?0-9;]*[a-zA-Z]|\x1b\\][^\a\x1b]*(\a|\x1b\\\\)")

// since returns the text after the first from bytes, and the number of bytes by now.
func (s *screen) since(from int) (text string, now int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sequence.ReplaceAllString(string(s.text[from:]), ""), len(s.text)
}

// eventually waits until a condition is true, for at most half a minute.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(50 * time.Millisecond): // many conditions start a process
		}
	}
}

// redrawn resizes the terminal, and waits until a whole frame contains a word.
func (s *screen) redrawn(t *testing.T, columns uint16, word string) {
	t.Helper()
	_, from := s.since(0)
	_ = pty.Setsize(s.File, &pty.Winsize{Rows: 24, Cols: columns})
	eventually(t, word, func() bool {
		text, _ := s.since(from)
		return strings.Contains(text, word)
	})
}

// A serial console has no size, and perhaps no UTF-8. The live view is drawn there all the same.
func TestLiveViewOnASerialConsole(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	for i, size := range []pty.Winsize{{}, {Cols: 100}, {Rows: 40}} {
		name := fmt.Sprintf("serial-%d", i)
		c := exec.Command(path, "up", "--name", name)
		c.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir(), "TERM=vt100", "LC_ALL=C")
		tty := onTerminalOf(t, c, size)
		var text string
		eventually(t, "a frame", func() bool { text, _ = tty.since(0); return strings.Contains(text, "10.255.0.0/16") })
		if other := regexp.MustCompile(`[^\x00-\x7f]+`).FindString(text); other != "" {
			t.Errorf("%v: %q is not in ASCII", size, other)
		}
		tty.press(t, "q")
		<-tty.done
	}
}

// In the live view a ping is started and outlives the revocation of its rule. Quitting leaves only
// a summary.
func TestLiveView(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	for _, rootless := range []string{"auto", "always"} {
		t.Run(rootless, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			name := "view-" + rootless
			env := append(os.Environ(), "XDG_RUNTIME_DIR="+directory, "TERM=xterm-256color", "NO_COLOR=")
			run := func(args ...string) string {
				c := exec.Command(path, args...)
				c.Env = env
				out, _ := c.Output()
				return string(out)
			}
			c := exec.Command(path, "up", "--name", name, "--rootless", rootless)
			c.Env = env
			tty := onTerminal(t, c)
			eventually(t, "the lab is up", func() bool { return strings.Contains(run("status", "--name", name), "icmp") })
			tty.redrawn(t, 81, "10.255.0.0/16") // it knows the hosts and the rules
			tty.press(t, "p")
			eventually(t, "a flow of the ping", func() bool { return strings.Contains(run("flows", "--name", name), "icmp 10.255.1.10") })
			tty.press(t, "\x1b[B")
			tty.press(t, "r")
			eventually(t, "the rule is revoked", func() bool { return strings.Contains(run("status", "--name", name), "(revoked)") })
			eventually(t, "a reply after that", func() bool {
				var flows []struct {
					Packets int  `json:"reply_packets"`
					Revoked bool `json:"admitting_rule_revoked"`
				}
				_ = json.Unmarshal([]byte(run("flows", "--name", name, "A", "--format", "json")), &flows)
				for _, f := range flows {
					if f.Revoked && f.Packets > 2 {
						return true
					}
				}
				return false
			})
			tty.redrawn(t, 80, "revoked")
			tty.redrawn(t, 82, "✓✓")
			tty.press(t, "q")
			<-tty.done
			if err := c.Wait(); err != nil {
				t.Errorf("exit: %v", err)
			}
			text, _ := tty.since(0)
			for _, want := range []string{"lab " + name + " of scenario ping ran for", "revoked: icmp", "stream 1  ping B > A: ", "on A, "} {
				if !strings.Contains(text, want) {
					t.Errorf("the summary lacks %q", want)
				}
			}
			if raw := string(tty.text); !strings.Contains(raw, "\x1b[?1049l") || strings.LastIndex(raw, "ran for") < strings.LastIndex(raw, "\x1b[?1049l") {
				t.Error("the screen was not given back before the summary")
			}
			left, _ := filepath.Glob(filepath.Join(directory, "lablab", name+"*"))
			more, _ := filepath.Glob(filepath.Join("/run/lablab", name+"*"))
			if len(left)+len(more) > 0 || run("status", "--name", name) != "" {
				t.Errorf("left behind: %v %v", left, more)
			}
		})
	}
}

// The terminal is restored when the lab is taken down by another process or ended by a signal.
func TestLiveViewIsTakenDown(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	env := append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir(), "TERM=xterm-256color")
	for _, how := range []string{"down", "SIGTERM"} {
		c := exec.Command(path, "up", "--name", "view-down")
		c.Env = env
		tty := onTerminal(t, c)
		eventually(t, "the view is shown", func() bool {
			text, _ := tty.since(0)
			return strings.Contains(text, "freeze")
		})
		if how == "down" {
			down := exec.Command(path, "down", "--name", "view-down")
			down.Env = env
			if out, err := down.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		} else {
			_ = c.Process.Signal(syscall.SIGTERM)
		}
		<-tty.done
		if err := c.Wait(); err != nil {
			t.Errorf("%s: exit: %v", how, err)
		}
		if text := string(tty.text); !strings.Contains(text, "\x1b[?1049l") || !strings.Contains(text, "ran for") {
			t.Errorf("%s: the terminal is not given back: %q", how, text)
		}
	}
}

// Where the view cannot be drawn, or is not wanted, there is one line per event.
func TestPlainUp(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	for _, c := range []struct{ term, flag string }{{"dumb", "--color=never"}, {"xterm-256color", "--plain"}} {
		up := exec.Command(path, "up", "--name", "view-plain", c.flag)
		up.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir(), "TERM="+c.term)
		tty := onTerminal(t, up)
		eventually(t, "it says that the lab is up", func() bool {
			text, _ := tty.since(0)
			return strings.Contains(text, "lab view-plain is up") && strings.Contains(text, "self-check: B")
		})
		revoke := exec.Command(path, "revoke", "--name", "view-plain", "icmp")
		revoke.Env = up.Env
		if out, err := revoke.CombinedOutput(); err != nil {
			t.Errorf("revoke: %v: %s", err, out)
		}
		eventually(t, "it shows what was done", func() bool {
			text, _ := tty.since(0)
			return strings.Contains(text, "rule icmp revoked on A, B")
		})
		_ = up.Process.Signal(syscall.SIGINT)
		<-tty.done
		if err := up.Wait(); err != nil {
			t.Errorf("exit: %v", err)
		}
		if bytes.Contains(tty.text, []byte("\x1b[?1049h")) {
			t.Errorf("%v: drawn all the same", c)
		}
	}
}

// flows --watch redraws in place on a terminal, and writes one block per second elsewhere. Ctrl-C
// ends it.
func TestWatchFlows(t *testing.T) {
	t.Parallel()
	nstest.Tool(t, "ping")
	path := nstest.LabBuilder(t)
	env := append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir(), "TERM=xterm-256color")
	run := func(args ...string) {
		c := exec.Command(path, args...)
		c.Env = env
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v: %v: %s", args, err, out)
		}
	}
	run("up", "--name", "watched", "--detach")
	defer run("down", "--name", "watched")
	c := exec.Command(path, "flows", "--name", "watched", "--watch")
	c.Env = env
	tty := onTerminal(t, c)
	eventually(t, "it is drawn in place", func() bool {
		text, _ := tty.since(0)
		return strings.Contains(text, "× gone") && bytes.Contains(tty.text, []byte("\x1b[J"))
	})
	run("exec", "--name", "watched", "B", "--", "ping", "-q", "-c1", "A")
	for _, mark := range []string{`\+ A .*icmp`, `\+ B .*icmp`} {
		eventually(t, mark, func() bool {
			text, _ := tty.since(0)
			return regexp.MustCompile(mark).MatchString(text)
		})
	}
	tty.press(t, "\x03") // Ctrl-C
	<-tty.done
	if code := nstest.ExitCode(c.Wait()); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}

	c = exec.Command(path, "flows", "--name", "watched", "--watch", "B")
	c.Env = env
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	nstest.WaitFor(t, out, "\n\n")
	nstest.WaitFor(t, out, "\n\n")
	_ = c.Process.Signal(syscall.SIGINT)
	if code := nstest.ExitCode(c.Wait()); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
}
