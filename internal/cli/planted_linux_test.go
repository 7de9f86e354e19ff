package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
)

// Another user has put a file into a shared directory, and waits for root to write to it. Root does
// not, also where fs.protected_regular does not forbid it; the user who called sudo may have done so.
func TestPlantedFiles(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file of another user")
	}
	const me, other, caller = 0, 65534, 1001
	record, err := filepath.Abs("../../testdata/ping.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		kind    string
		owner   int
		shared  bool // directory
		command string
		refused bool
	}{
		"a report":                   {"file", other, true, "report RECORD -o NAME", true},
		"a page":                     {"file", other, true, "report RECORD --report html=NAME", true},
		"a record":                   {"file", other, true, "run --target sim udp --record NAME", true},
		"a pipe":                     {"pipe", other, true, "run --target sim udp --record NAME", true},
		"a link":                     {"link", other, true, "report RECORD -o NAME", true},
		"a directory for records":    {"directory", other, true, "run --target sim udp ping --record NAME", true},
		"root's own file":            {"file", me, true, "report RECORD -o NAME", false},
		"a file of sudo's caller":    {"file", caller, true, "run --target sim udp --record NAME", false},
		"in the directory of a user": {"file", other, false, "report RECORD -o NAME", false},
	}
	path := nstest.Lablab(t)
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "planted")
			mode := os.FileMode(0o777)
			if c.shared {
				mode |= os.ModeSticky
			}
			plant := map[string]func() error{
				"file":      func() error { return os.WriteFile(file, []byte("before"), 0o666) },
				"pipe":      func() error { return unix.Mkfifo(file, 0o666) },
				"link":      func() error { return os.Symlink("elsewhere", file) },
				"directory": func() error { return os.Mkdir(file, 0o777) },
			}
			if err := plant[c.kind](); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Lchown(file, c.owner, c.owner), os.Chmod(dir, mode)); err != nil {
				t.Fatal(err)
			}
			const long = 20 * time.Second // it would wait for a reader of the pipe
			ctx, cancel := context.WithTimeout(t.Context(), long)
			defer cancel()
			lablab := exec.CommandContext(ctx, path, strings.Fields(strings.NewReplacer("RECORD", record, "NAME", file).Replace(c.command))...)
			lablab.Env = append(os.Environ(), fmt.Sprint("SUDO_UID=", caller), fmt.Sprint("SUDO_GID=", caller))
			out, err := lablab.CombinedOutput()
			if refused := nstest.ExitCode(err) == 2; refused != c.refused {
				t.Errorf("%v\n%s", err, out)
			}
			if c.kind != "file" {
				return
			}
			if text, err := os.ReadFile(file); err != nil || (string(text) == "before") != c.refused {
				t.Errorf("%v, it has %d bytes now", err, len(text))
			}
		})
	}
}

// Two commands do not write one record.
func TestRecordTakenTwice(t *testing.T) {
	t.Parallel()
	path, dir := nstest.LabBuilder(t), t.TempDir()
	record := filepath.Join(dir, "r.jsonl")
	first := exec.Command(path, "run", "--interval", "20ms", "--record", record)
	_, _, code := amid(t, first, "experiment 2", func() {
		out, err := exec.Command(path, "run", "-q", "--target", "sim", "--record", record).CombinedOutput()
		if nstest.ExitCode(err) != 2 || !strings.Contains(string(out), "another process is writing to it") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	out, err := exec.Command(path, "report", record).Output()
	if code != 0 || err != nil || !strings.Contains(string(out), "All predictions held") {
		t.Errorf("exit code %d, %v\n%s", code, err, out)
	}
}
