package kept_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lablab/internal/nstest"
)

// A program gets a message when its lab is gone, however the lab ended, and continues. No process
// of lablab remains after it.
func TestLabIsGone(t *testing.T) {
	t.Parallel()
	const gone = "the lab of host B is gone: this program no longer has a network"
	for name, end := range map[string]func(*kept){
		"down":   func(k *kept) { k.must("down") },
		"load":   func(k *kept) { k.must("load", "cut") },
		"killed": func(k *kept) { _ = syscall.Kill(k.status().PID, syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, k *kept) {
				input, typed, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer input.Close()
				defer typed.Close()
				program := k.daemon("B", input, "sh", "-c", "echo there; read line; echo still there: $line")
				program.says(t, "there")
				end(k)
				program.says(t, gone)
				_, _ = io.WriteString(typed, "yes\n")
				program.says(t, "still there: yes")
				program.wait(t)
			})
		})
	}
}

// A program that ends before its lab gets no message, and leaves no process that waits for the lab.
func TestNobodyWaitsForTheLab(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, k *kept) {
		if out := k.must("exec", "B", "--", "true"); out != "" {
			t.Errorf("true says %q", out)
		}
		program := k.daemon("B", nil, "sleep", "1000")
		eventually(t, "somebody waits", func() bool { return waiting(k) > 0 })
		program.end()
		eventually(t, "nobody waits", func() bool { return waiting(k) == 0 })
	})
}

// Ctrl-C ends exec at any moment, also while it is about to become the program.
func TestInterruptedExec(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, k *kept) {
		for moment := time.Duration(0); moment < 50*time.Millisecond; moment += 7 * time.Millisecond {
			program := k.daemon("B", nil, "sleep", "1000")
			<-time.After(moment)
			within(t, 10*time.Second, "exec after Ctrl-C", program.end)
		}
	})
}

// waiting returns the number of processes that wait for the end of this test's lab.
func waiting(k *kept) (n int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		text, _ := os.ReadFile(line)
		environment, _ := os.ReadFile(strings.Replace(line, "cmdline", "environ", 1))
		if strings.HasPrefix(string(text), k.path+"\x00outlive\x00") && strings.Contains(string(environment), k.env[len(k.env)-1]) {
			n++
		}
	}
	return n
}

// A program that asks for the machine's hostname gets the host's name, and so does a shell's
// prompt.
func TestHostname(t *testing.T) {
	t.Parallel()
	bash := nstest.Tool(t, "bash")
	before, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	eachWay(t, func(t *testing.T, k *kept) {
		for _, host := range []string{"A", "B"} {
			if name := k.must("exec", host, "--", "uname", "-n"); name != host+"\n" {
				t.Errorf("host %s is called %q", host, name)
			}
			for shell, prompt := range map[string][]string{host + "# ": {"sh", "-i"}, "in " + host + ">": {bash, "--norc", "--noprofile", "-i"}} {
				c := k.command("exec", append([]string{host, "--"}, prompt...)...)
				c.Env = append(c.Env, "TERM=xterm", "PS1=")
				if prompt[0] == bash {
					c.Env = append(c.Env, `PS1=in \h> `)
				}
				tty := onTerminal(t, c)
				tty.says(t, "", shell)
				tty.press(t, "exit\n")
				within(t, 10*time.Second, "the shell", func() { _ = c.Wait() })
			}
		}
		// A hostname that is changed inside changes only for that host.
		if out, err := k.run("exec", "A", "--", "sh", "-c", "echo other >/proc/sys/kernel/hostname"); err == nil {
			if names := k.must("exec", "A", "--", "uname", "-n") + k.must("exec", "B", "--", "uname", "-n"); names != "other\nB\n" {
				t.Errorf("afterwards they are called %q", names)
			}
		} else if !strings.Contains(out, "hostname") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	if after, _ := os.Hostname(); after != before {
		t.Errorf("the machine is called %q now, and was %q", after, before)
	}
}

// Programs in sbin are found, whatever the caller's PATH.
func TestExecFindsSbin(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, k *kept) {
		for _, command := range [][]string{{"ldconfig", "--version"}, {"sh", "-c", "ldconfig --version"}} {
			c := k.command("exec", append([]string{"A", "--"}, command...)...)
			c.Env = append(c.Env, "PATH=/usr/bin:/bin")
			if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "ldconfig") {
				t.Errorf("%v: %v\n%s", command, err, out)
			}
		}
	})
}
