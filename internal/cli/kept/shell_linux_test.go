package kept_test

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"lablab/internal/nstest"
)

// says types a line, and waits until a new occurrence of a word is on the terminal.
func (s *screen) says(t *testing.T, line, word string) {
	t.Helper()
	s.saysWhen(t, line, word, func() { s.press(t, line) })
}

// saysWhen calls do, and waits until a new occurrence of a word is on the terminal.
func (s *screen) saysWhen(t *testing.T, what, word string, do func()) {
	t.Helper()
	_, from := s.since(0)
	do()
	eventually(t, word+" after "+what, func() bool {
		text, _ := s.since(from)
		return strings.Contains(text, word)
	})
}

// A shell inside a host controls the terminal: its size, its jobs, its signals.
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
		tty.saysWhen(t, "another size", "another size: 30 100", func() {
			_ = pty.Setsize(tty.File, &pty.Winsize{Rows: 30, Cols: 100})
			tty.press(t, "\n")
		})

		// The job prints when it starts and when it continues, so the test knows when it has the
		// terminal. It has no children: one stopped inside dash's vfork(2) would block dash.
		tty.says(t, "mkfifo $HOME/pipe\n", "ready>")
		tty.says(t, bash+` -c 'trap "echo on again: \$((1+1))" CONT; echo there: $((1+1)); while :; do read -t 0.05 <>$HOME/pipe; done'`+"\n", "there: 2")
		tty.says(t, "\x1a", "[1]+  Stopped") // Ctrl-Z
		tty.says(t, "fg\n", "on again: 2")
		tty.says(t, "\x03", "ready>") // Ctrl-C
		tty.says(t, "echo code $?\n", "code 130")
		tty.says(t, "sh -c 'kill -KILL $$'; echo code $?\n", "code 137")
		tty.says(t, "sleep 100 & jobs\n", "[1]+  Running")
		tty.says(t, "kill %1; wait; echo jobs: $(jobs | wc -l)\n", "jobs: 0")
		tty.press(t, "exit 7\n")
		<-tty.done
		if code := nstest.ExitCode(c.Wait()); code != 7 {
			t.Errorf("exit code %d, want 7", code)
		}
		if text, _ := tty.since(0); strings.Contains(text, "job control") || strings.Contains(text, "process group") {
			t.Error(text)
		}
	})
}

// If a signal ends the program, the caller sees that signal; otherwise it sees an exit code.
func TestExecIsKilled(t *testing.T) {
	t.Parallel()
	nstest.Tools(t, "ping", "ss")
	eachWay(t, func(t *testing.T, k *kept) {
		_, err := k.run("exec", "A", "--", "sh", "-c", "kill -TERM $$")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			t.Errorf("ended by SIGTERM: %v", err)
		}
		// The client has become the program: killing one kills the other.
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
