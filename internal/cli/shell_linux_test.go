package cli_test

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"lablab/internal/nstest"
)

// says types a line, and waits until a word is on the terminal that was not before.
func (s *screen) says(t *testing.T, line, word string) {
	t.Helper()
	_, from := s.since(0)
	s.press(t, line)
	eventually(t, word+" after "+line, func() bool {
		text, _ := s.since(from)
		return strings.Contains(text, word)
	})
}

// stops presses Ctrl-Z until the shell says that its job has stopped: on a busy machine
// the first may come while the shell still hands the terminal over. At its prompt one
// more does nothing.
func (s *screen) stops(t *testing.T) {
	t.Helper()
	_, from := s.since(0)
	pressed := time.Time{}
	eventually(t, "a stopped job", func() bool {
		if time.Since(pressed) > 2*time.Second {
			s.press(t, "\x1a")
			pressed = time.Now()
		}
		text, _ := s.since(from)
		return strings.Contains(text, "[1]+  Stopped")
	})
}

// A shell inside a host has the terminal as its own: its size, its jobs, its signals.
func TestShell(t *testing.T) {
	t.Parallel()
	bash := nstest.Tool(t, "bash")
	eachWay(t, func(t *testing.T, k *kept) {
		c := k.command("exec", "A", "--", bash, "--norc", "--noprofile", "-i")
		c.Env = append(c.Env, "PS1=ready> ", "TERM=xterm", "HOME="+t.TempDir())
		tty := onTerminal(t, c)
		tty.says(t, "", "ready>")
		tty.says(t, "echo on $LABLAB_HOST: $(stty size)\n", "on A: 24 80")

		tty.says(t, "trap 'echo another size: $(stty size)' WINCH; echo trap: $?\n", "trap: 0\r\nready>")
		_ = pty.Setsize(tty.File, &pty.Winsize{Rows: 30, Cols: 100})
		tty.says(t, "\n", "another size: 30 100")

		// A job that says when it is there, and when it goes on: then the terminal is its own.
		tty.says(t, `sh -c 'trap "echo on again: \$((1+1))" CONT; echo there: $((1+1)); while :; do sleep 0.05; done'`+"\n", "there: 2")
		tty.stops(t)
		tty.says(t, "fg\n", "on again: 2")
		tty.says(t, "\x03", "ready>") // Ctrl-C
		tty.says(t, "echo code $?\n", "code 130")
		tty.says(t, "sh -c 'kill -KILL $$'; echo code $?\n", "code 137")
		tty.says(t, "sleep 100 & jobs\n", "[1]+  Running")
		tty.says(t, "kill %1; wait; echo jobs: $(jobs | wc -l)\n", "jobs: 0")
		tty.press(t, "exit 7\n")
		<-tty.done
		if code := exitCode(c.Wait()); code != 7 {
			t.Errorf("exit code %d, want 7", code)
		}
		if text, _ := tty.since(0); strings.Contains(text, "job control") || strings.Contains(text, "process group") {
			t.Error(text)
		}
	})
}

// A program that a signal ends, ends like that for whoever started it; nothing else does.
func TestExecIsKilled(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, k *kept) {
		_, err := k.run("exec", "A", "--", "sh", "-c", "kill -TERM $$")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			t.Errorf("ended by SIGTERM: %v", err)
		}
		// The client has become the program: who kills the one, kills the other.
		ping := k.daemon("B", nil, "ping", "A")
		ping.says(t, "bytes from")
		_ = ping.Process.Kill()
		if err := ping.ended(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("ended by SIGKILL: %v", err)
		}
		if left := k.must("exec", "B", "--", "ss", "-Hwn"); left != "" {
			t.Errorf("it pings on:\n%s", left)
		}
		k.must("exec", "B", "--", "ping", "-q", "-c1", "A")
	})
}
