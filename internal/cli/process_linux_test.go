package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"lablab/internal/nstest"
	"lablab/ns"
)

// A signal at any moment ends it within a second, with a partial report and the exit code that a
// shell would give, both as root and in a user namespace.
func TestSignals(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP) // under nohup, children would ignore it
	t.Cleanup(func() { signal.Stop(caught) })
	for _, rootless := range []string{"auto", "always"} {
		for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
			t.Run(rootless+" "+sig.String(), func(t *testing.T) {
				t.Parallel()
				c := exec.Command(path, "run", "--interval", "100ms", "--format", "json", "--rootless", rootless)
				out := endBy(t, sig, c, "experiment 2")
				var report struct {
					Interrupted, Held bool
					Streams           []struct{ Sent int }
				}
				if err := json.Unmarshal(out, &report); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if !report.Interrupted || report.Held || len(report.Streams) == 0 || report.Streams[0].Sent < 10 {
					t.Errorf("partial report %+v", report)
				}
			})
		}
	}
}

// A signal may come at any moment, even before there is anything to report.
func TestSignalsAtAnyMoment(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	for _, rootless := range []string{"auto", "always"} {
		t.Run(rootless, func(t *testing.T) {
			t.Parallel()
			for i := range 40 {
				sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}[i%2]
				c := exec.Command(path, "run", "-q", "--interval", "10ms", "--rootless", rootless) // still running by then
				var complaints bytes.Buffer
				c.Stderr = &complaints
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				moment := time.Duration(i*i) * 100 * time.Microsecond
				<-time.After(moment)
				_ = c.Process.Signal(sig)
				err := c.Wait()
				status := c.ProcessState.Sys().(syscall.WaitStatus)
				died := status.Signaled() && status.Signal() == sig // before it had a handler
				if code := nstest.ExitCode(err); !died && code != 128+int(sig) || complaints.Len() > 0 {
					t.Errorf("%s after %s: exit code %d, %s", sig, moment, code, &complaints)
				}
			}
		})
	}
}

// A kill at any moment leaves no namespace. In a user namespace, the killed process is not the one
// that has the lab.
func TestKill(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	for rootless, namespaces := range map[string]string{"never": "2", "always": "3"} {
		t.Run(rootless, func(t *testing.T) {
			t.Parallel()
			c := exec.Command(nstest.Tool(t, "unshare"), "--user", "--map-root-user", "sh", "testdata/kill.sh", namespaces, "--rootless", rootless)
			c.Env = append(os.Environ(), "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"))
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// Another process deletes the conntrack entries during experiment 2, through the file descriptors
// of the namespaces. The run shows the stream stop, and exits with 1.
func TestTruth(t *testing.T) {
	t.Parallel()
	nstest.Tools(t, "conntrack", "nsenter")
	path := nstest.LabBuilder(t)
	c := exec.Command(path, "run", "--interval", "100ms", "--format", "json")
	out, _, code := amid(t, c, "rule icmp revoked", func() { deleteEntries(t, c.Process.Pid) })
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	var report struct {
		Held        bool
		Experiments []struct{ Held bool }
		Streams     []struct{ Sent, Received, Refused int }
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	one := report.Streams[0]
	if report.Held || report.Experiments[1].Held || one.Sent != 65 || one.Refused < 19 || one.Received+one.Refused != 65 {
		t.Errorf("%+v", report)
	}
}

// deleteEntries runs conntrack -F in each network namespace that the process or its child holds by
// a file descriptor.
func deleteEntries(t *testing.T, pid int) {
	t.Helper()
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	deleted := 0
	for _, process := range append([]string{strconv.Itoa(pid)}, strings.Fields(string(children))...) {
		fds, _ := filepath.Glob("/proc/" + process + "/fd/*")
		for _, fd := range fds {
			if target, _ := os.Readlink(fd); !strings.HasPrefix(target, "net:[") {
				continue
			}
			args := []string{"--net=" + fd, nstest.Tool(t, "conntrack"), "-F"}
			if !ns.Powerful() {
				args = append([]string{"--preserve-credentials", "--user=/proc/" + process + "/ns/user"}, args...)
			}
			if out, err := exec.Command(nstest.Tool(t, "nsenter"), args...).CombinedOutput(); err != nil {
				t.Fatalf("nsenter %v: %v\n%s", args, err, out)
			}
			deleted++
		}
	}
	if deleted != 2 {
		t.Errorf("entries deleted in %d namespaces, want 2", deleted)
	}
}

// With standard error closed, the report still appears.
func TestClosedStderr(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	for _, rootless := range []string{"auto", "always"} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = reader.Close()
		c := exec.Command(path, "run", "--interval", "1ms", "--format", "json", "--rootless", rootless)
		c.Stderr = writer
		out, err := c.Output()
		_ = writer.Close()
		if err != nil || !bytes.Contains(out, []byte(`"held": true`)) {
			t.Errorf("%s: %v, %d bytes", rootless, err, len(out))
		}
	}
}

// When the user kills the outer process, the one in the user namespace ends too.
func TestKilledParentTakesItsChildAlong(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	c := exec.Command(path, "run", "--rootless", "always", "--interval", "1s")
	c.Stderr = writer // both processes hold its end
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	nstest.WaitFor(t, reader, "experiment 1")
	_ = c.Process.Kill()
	_ = c.Wait()
	_ = reader.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.Copy(io.Discard, reader); err != nil {
		t.Errorf("somebody still has its standard error open: %v", err)
	}
}

// The reader of its output goes away.
func TestClosedStdout(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	for _, rootless := range []string{"auto", "always"} {
		c := exec.Command("sh", "-c", path+" run -q --interval 5ms --rootless "+rootless+" | head -n 1")
		var complaints bytes.Buffer
		c.Stderr = &complaints
		out, err := c.Output()
		if err != nil || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%v, %q", err, out)
		}
		if complaints.Len() > 0 {
			t.Errorf("complains: %s", &complaints)
		}
	}
}

// A failed write to the output is reported in one line.
func TestFullStdout(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	c := exec.Command(nstest.LabBuilder(t), "run", "-q", "--interval", "1ms")
	var complaints bytes.Buffer
	c.Stdout, c.Stderr = full, &complaints
	if code := nstest.ExitCode(c.Run()); code != 4 {
		t.Errorf("exit code %d, want 4", code)
	}
	if got := complaints.String(); strings.Count(got, "error: ") != 1 || !strings.Contains(got, "no space left") {
		t.Errorf("complains: %q", got)
	}
}

// On a terminal, progress is drawn in place and erased again.
func TestTerminal(t *testing.T) {
	t.Parallel()
	for _, colour := range []bool{true, false} {
		c := exec.Command(nstest.LabBuilder(t), "run", "--interval", "10ms")
		c.Env = append(os.Environ(), "TERM=xterm-256color", "FORCE_COLOR=", "NO_COLOR=")
		if !colour {
			c.Env = append(c.Env, "NO_COLOR=1")
		}
		tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: 60})
		if err != nil {
			t.Fatal(err)
		}
		out, _ := io.ReadAll(tty) // ends with EIO when the command does
		_ = tty.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), "\x1b[J") {
			t.Error("progress is not drawn in place")
		}
		if strings.Contains(string(out), "\x1b[32m") != colour {
			t.Errorf("colour is not as asked for (%v)", colour)
		}
		for _, line := range strings.Split(regexp.MustCompile("\x1b\\[[0-9;]*[a-zA-Z]").ReplaceAllString(string(out), ""), "\r\n") {
			if n := len([]rune(line)); n > 60 && !strings.Contains(line, "packets transmitted") {
				t.Errorf("%d columns: %q", n, line)
			}
		}
	}
}
