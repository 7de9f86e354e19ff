package nstest

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(leaverKey) != "" {
		os.Exit(owningFor(time.Second/2, m.Run))
	}
	os.Exit(Run(m))
}

// leaverKey makes TestLeaver leave a process behind: after it has "ended", or when it is "killed".
const leaverKey = "LABLAB_TEST_LEAVER"

// TestLeaver is not a test: TestNoProcessIsLeft runs it.
func TestLeaver(t *testing.T) {
	how := os.Getenv(leaverKey)
	if how == "" {
		t.Skip("is run by TestNoProcessIsLeft")
	}
	c := exec.Command("sleep", "1000")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString(strconv.Itoa(c.Process.Pid) + "\n")
	if how == "killed" {
		select {}
	}
}

// Tests fail if they leave a process behind. The process ends with them, even if they are killed.
func TestNoProcessIsLeft(t *testing.T) {
	for _, how := range []string{"ended", "killed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c := exec.Command("/proc/self/exe", "-test.run=^TestLeaver$")
			c.Env = append(os.Environ(), leaverKey+"="+how, ownerKey+"=")
			var complaints bytes.Buffer
			c.Stderr = &complaints
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			if how == "killed" {
				_ = c.Process.Kill()
			}
			if err := c.Wait(); err == nil {
				t.Error("the tests passed")
			}
			if want := "FAIL: left behind: process " + strconv.Itoa(pid) + ": sleep 1000"; how == "ended" && !strings.Contains(complaints.String(), want) {
				t.Errorf("%q, want %q", &complaints, want)
			}
			for began := time.Now(); syscall.Kill(pid, 0) == nil && !zombie(pid); <-time.After(10 * time.Millisecond) {
				if time.Since(began) > 10*time.Second {
					_ = syscall.Kill(pid, syscall.SIGKILL)
					t.Fatal("the process goes on")
				}
			}
		})
	}
}

// zombie reports whether a process has ended but has not been reaped.
func zombie(pid int) bool {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return bytes.Contains(status, []byte(") Z "))
}
