package kept_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lablab/internal/control"
	"lablab/internal/nstest"
)

// A lab that does not respond delays no command for long: it is still listed, and a signal ends a
// command that waits for it.
func silent(t *testing.T, path string) {
	k := keep(t, path, "silent")
	pid := k.status().PID
	trace := k.begin("trace", nil)
	trace.says(t, "press Ctrl-C to stop")
	stop(t, pid)
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	var asking sync.WaitGroup
	asking.Go(func() {
		ps := exec.Command(path, "ps")
		ps.Env = k.env
		if out, err := ps.CombinedOutput(); err != nil || !regexp.MustCompile(k.name+` +is not responding\n`).Match(out) {
			t.Errorf("%v\n%s", err, out)
		}
	})
	asking.Go(func() {
		trace.end()
		if said := trace.said(); !strings.Contains(said, "lost: the last events: the lab did not send them in time") {
			t.Errorf("a trace does not know that the lab did not answer:\n%s", said)
		}
	})
	asking.Go(func() {
		out, err := k.run("down")
		if nstest.ExitCode(err) != 4 || !strings.Contains(out, "error: the lab is not responding: "+k.name+"\nhint: their processes may be stopped or busy") {
			t.Errorf("down of a lab that is not responding: %v\n%s", err, out)
		}
	})
	status := k.begin("status", nil)
	status.says(t, "is not responding: its process may be stopped")
	status.end()
	for _, verb := range [][]string{{"exec", "B", "--", "true"}, {"flows"}, {"rules", "A"}} {
		waiting := k.command(verb[0], verb[1:]...)
		if err := waiting.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, verb[0]+" asks", func() bool { return asks(waiting.Process.Pid) })
		_ = waiting.Process.Signal(syscall.SIGINT)
		within(t, 10*time.Second, verb[0], func() {
			if code := nstest.ExitCode(waiting.Wait()); code != 130 {
				t.Errorf("%s: exit code %d, want 130", verb[0], code)
			}
		})
	}
	within(t, 10*time.Second, "ps, trace and down", asking.Wait)
}

// When another scenario is loaded, commands that follow the old lab end and say so. Commands that
// follow the name go on until the lab ends.
func replaced(t *testing.T, path string) {
	k := keep(t, path, "replaced")
	record := k.begin("record", nil, filepath.Join(t.TempDir(), "r.jsonl"))
	capture := k.begin("capture", nil, "A", "-o", filepath.Join(t.TempDir(), "r.pcapng"))
	watch, trace := k.begin("flows", nil, "--watch"), k.begin("trace", nil)
	for d, word := range map[*daemon]string{record: "press Ctrl-C to stop", capture: "press Ctrl-C to stop", watch: "no entry", trace: "press Ctrl-C to stop"} {
		d.says(t, word)
	}
	k.must("load", "egress")
	for _, d := range []*daemon{record, capture} {
		d.wait(t)
		if !strings.Contains(d.said(), "the lab switched to scenario egress") {
			t.Errorf("%v does not say why it ends:\n%s", d.Args, d.said())
		}
	}
	k.must("down")
	for _, d := range []*daemon{watch, trace} {
		d.wait(t)
		if strings.Contains(d.said(), "error: ") {
			t.Errorf("%v:\n%s", d.Args, d.said())
		}
	}
}

// asks reports whether a process has a socket: by then it handles signals.
func asks(pid int) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return slices.ContainsFunc(files, func(file string) bool {
		target, _ := os.Readlink(file)
		return strings.HasPrefix(target, "socket:")
	})
}

// A command that is interrupted while it waits for a background lab leaves no lab.
func givenUp(t *testing.T, path string) {
	k := keep(t, path, "given-up")
	k.must("down")
	for after := time.Duration(0); after < 100*time.Millisecond; after += 10 * time.Millisecond {
		up := k.command("up", "-d")
		if err := up.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(after)
		_ = up.Process.Signal(syscall.SIGTERM)
		var code int
		within(t, 10*time.Second, "the end", func() { code = nstest.ExitCode(up.Wait()) })
		switch out, err := k.run("status"); {
		case code == 0: // the lab was up already
			k.must("down")
		case nstest.ExitCode(err) != 2:
			t.Errorf("after %s it exits with %d, and there is a lab: %s", after, code, out)
		}
	}
}

// A lab's name is free once it has begun to end, even if it still waits for clients.
func sameName(t *testing.T, path string) {
	k := keep(t, path, "same-name")
	slow, err := net.Dial("unix", control.Socket(k.directory, k.name))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	first := k.status().Hosts[0].Namespace // a file of the process
	_, _ = io.WriteString(slow, "GET /v1/status HTTP/1.1\r\n")
	k.must("down")
	k.must("up", "-d")
	eventually(t, "the first has ended", func() bool {
		_, err := os.Stat(first)
		return err != nil
	})
	if out := k.must("up", "--plain"); !strings.Contains(out, "is already running") {
		t.Errorf("two of one name:\n%s", out)
	}
	k.status()
}

// A program that outlives the lab has no network.
func unplugged(t *testing.T, path string) {
	k := keep(t, path, "unplugged")
	program := k.command("exec", "B", "--", "sh", "-c", "grep -q eth0: /proc/net/dev && echo plugged; while grep -q eth0: /proc/net/dev; do sleep 0.05; done; echo unplugged")
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	nstest.WaitFor(t, out, "plugged")
	k.must("down")
	within(t, 10*time.Second, "the end of the network", func() {
		nstest.WaitFor(t, out, "unplugged")
		_ = program.Wait()
	})
}

// exec works from inside a host.
func TestExecWithin(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, which stays root inside")
	}
	nstest.Tool(t, "ping")
	path := nstest.LabBuilder(t)
	k := keep(t, path, "within")
	out, err := k.run("exec", "A", "--", path, "exec", "--name", k.name, "B", "--", "sh", "-c", "echo $LABLAB_HOST; cat /etc/hosts; ping -q -c1 A")
	if err != nil || !strings.Contains(out, "B\n") || !strings.Contains(out, " B\n") || !strings.Contains(out, " 0% packet loss") {
		t.Errorf("%v\n%s", err, out)
	}
}
