package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
)

// A file that a command writes is whole, or what was there before, or absent; nothing else is left
// next to it.
func TestFilesAreWholeOrAbsent(t *testing.T) {
	t.Parallel()
	record, err := filepath.Abs("../../testdata/ping.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	path := nstest.Lablab(t)
	const before = "what was there before"
	tests := map[string]struct {
		command string // run by a shell
		code    int
		stderr  string
		left    string // the files that are left: their names, and = if they are as before
	}{
		"a page that is too large": {"ulimit -f 32; lablab report RECORD --format html -o page", 4, "error: write page: write page: file too large\n", ""},
		"a page in place of another": {"printf '" + before + "' >page; ulimit -f 32; lablab report RECORD --format html -o page", 4,
			"error: write page: write page: file too large\n", "page="},
		"a report as text that is too large": {"ulimit -f 1; lablab report RECORD -o text", 4, "error: write report: write text: file too large\n", ""},
		"one of two reports": {"ulimit -f 32; lablab report RECORD --format tap --report html=page --report junit=cases >/dev/null", 4,
			"error: write page: write page: file too large\n", "cases"},
		"a report, while standard output is full":    {"lablab report RECORD --report junit=cases >/dev/full", 4, "error: write report: write /dev/stdout: no space left on device\n", "cases"},
		"a report in place of another":               {"printf '" + before + "' >page; lablab report RECORD --format html -o page", 0, "", "page"},
		"a link, which is not followed":              {"printf '" + before + "' >page; ln -s page link; lablab report RECORD --format html -o link", 2, "error: create report: open link: too many levels of symbolic links\nhint: choose a writable file\n", "link= page="},
		"a directory that does not exist":            {"lablab report RECORD -o no/page", 2, "error: create report: create no/page: no such file or directory\nhint: choose a writable file\n", ""},
		"a report that the command line makes wrong": {"lablab report RECORD -o page --report junit=no/cases", 2, "error: create report: create no/cases: no such file or directory\nhint: choose a writable file\n", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			shell := exec.Command("sh", "-c", strings.ReplaceAll(c.command, "RECORD", record))
			shell.Dir = dir
			shell.Env = append(os.Environ(), "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"))
			var stderr strings.Builder
			shell.Stderr = &stderr
			if code := nstest.ExitCode(shell.Run()); code != c.code || stderr.String() != c.stderr {
				t.Errorf("exit code %d, %q", code, stderr.String())
			}
			if left := leftIn(t, dir, before); left != c.left {
				t.Errorf("left: %q, want %q", left, c.left)
			}
		})
	}
}

// leftIn lists the files and links in a directory, with = after those that have this content.
func leftIn(t *testing.T, dir, content string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		name := f.Name()
		if !f.Type().IsRegular() && f.Type() != os.ModeSymlink {
			continue
		}
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) == content {
			name += "="
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// A command that is killed while it writes leaves nothing.
func TestKilledWriterLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "page")
	c := exec.Command(nstest.Lablab(t), "report", "../../testdata/ping.jsonl", "--report", "html="+page, "--format", "json", "-o", pipe)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0) // by now the page is open too, and the pipe soon full
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := reader.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	if left := leftIn(t, dir, ""); left != "" {
		t.Errorf("left: %q", left)
	}
}

// A file that is replaced keeps its permissions; a pipe is written to.
func TestFilesKeepTheirPermissions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "private"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	c := exec.Command(nstest.Lablab(t), "report", "../../testdata/ping.jsonl", "--report", "junit="+file, "--report", "tap="+pipe, "--format", "tap")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	about, err := os.Stat(file)
	if err != nil || about.Mode() != 0o600 || about.Size() == 0 {
		t.Errorf("%v, %v", about, err)
	}
	_ = reader.SetReadDeadline(time.Now().Add(10 * time.Second))
	nstest.WaitFor(t, reader, "TAP version 13")
}

// A record on a full disk ends the run's success, and what was kept can be read.
func TestRecordOnAFullDisk(t *testing.T) {
	t.Parallel()
	path, dir := nstest.LabBuilder(t), t.TempDir()
	record := filepath.Join(dir, "r.jsonl")
	c := exec.Command("sh", "-c", "ulimit -f 16; exec "+path+" run -q --interval 1ms --record "+record)
	var stderr strings.Builder
	c.Stderr = &stderr
	code := nstest.ExitCode(c.Run())
	if said := stderr.String(); code != 4 || !strings.Contains(said, "error: write record: write "+record+": file too large\nhint: the record has the first ") {
		t.Errorf("exit code %d, %s", code, said)
	}
	out, err := exec.Command(path, "report", record).Output()
	if nstest.ExitCode(err) != 1 || !strings.Contains(string(out), "The record ends before the run did") {
		t.Errorf("%v\n%s", err, out)
	}
}
