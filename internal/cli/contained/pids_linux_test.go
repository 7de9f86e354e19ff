package contained_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/ns"
)

// A control group with too few processes is named, where Go's runtime would end the program with a
// stack trace. With just enough, everything works.
func TestPidsLimit(t *testing.T) {
	t.Parallel()
	if !ns.Powerful() || ns.IsRootless() {
		t.Skip("needs root")
	}
	path := nstest.LabBuilder(t)
	const few = 12 // fewer than any lab needs, and as many as Go's runtime may take until that is checked
	needs := regexp.MustCompile(`^error: lablab needs (\d+) threads for this, and may have (\d+) here \(pids\.max=(\d+)\)\nhint: .*\n$`)
	for _, args := range [][]string{
		{"run", "-q", "--interval", "1ms"},
		{"run", "-q", "--interval", "1ms", "--rootless", "always"},
		{"run", "-q", "--interval", "1ms", "-j", "4", "ping", "udp", "restart", "related"},
	} {
		said, code := limited(t, few, path, args...)
		told := needs.FindStringSubmatch(said)
		if code != 3 || told == nil || told[3] != strconv.Itoa(few) {
			t.Fatalf("%d processes, %v: exit code %d, want 3\n%s", few, args, code, said)
		}
		needed, _ := strconv.Atoi(told[1])
		said, code = limited(t, needed, path, args...)
		for range 3 { // Go's runtime may have one more thread in that moment
			if told = needs.FindStringSubmatch(said); code != 3 || told == nil {
				break
			}
			needed++
			said, code = limited(t, needed, path, args...)
		}
		if code != 0 {
			t.Errorf("%d processes, %v: exit code %d\n%s", needed, args, code, said)
		}
	}
}

// limited runs a command in its own control group, with a limit on processes, and returns what it
// wrote to standard error.
func limited(t *testing.T, most int, path string, args ...string) (stderr string, code int) {
	t.Helper()
	group := ""
	for _, root := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		made := filepath.Join(root, fmt.Sprintf("lablab-test-%d-%d", os.Getpid(), most))
		if os.Mkdir(made, 0o755) != nil {
			continue
		}
		defer removeGroup(t, made)
		limit := filepath.Join(made, "pids.max")
		if _, err := os.Stat(limit); err == nil && os.WriteFile(limit, []byte(strconv.Itoa(most)), 0) == nil {
			group = made
			break // else it is not a control group, or cannot limit processes
		}
	}
	if group == "" {
		t.Skip("no control group for processes can be made here")
	}
	c := exec.Command(nstest.Tool(t, "sh"), append([]string{"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, group, path}, args...)...)
	var said bytes.Buffer
	c.Stderr = &said
	code = nstest.ExitCode(c.Run())
	return said.String(), code
}

// removeGroup removes a control group as soon as its last process has ended.
func removeGroup(t *testing.T, group string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); os.Remove(group) != nil; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is still in use", group)
		}
	}
}
