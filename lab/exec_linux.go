package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// exec runs a program of the machine inside a host and waits for its end.
func (l *Lab) exec(ctx context.Context, a scenario.Exec) error {
	host, err := l.host(a.Host)
	if err != nil {
		return err
	}
	const grace = time.Second // for those that hold its output open
	output := &tail{most: 2000}
	path := Path(os.Getenv("PATH"))
	program, err := LookUp(a.Command[0], path)
	if err != nil {
		return say.Errorf("run %s on %s: %w", a.Command[0], a.Host, err)
	}
	command := exec.CommandContext(ctx, program, a.Command[1:]...)
	command.Args[0], command.Env = a.Command[0], append(os.Environ(), "PATH="+path)
	command.Stdout, command.Stderr, command.WaitDelay = output, output, grace
	// In a process namespace of its own: with the program ends whatever it has
	// started. And it ends with the thread that started it, which waits for it here.
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	err = host.ns.Do(command.Run)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && !errors.Is(err, exec.ErrWaitDelay) {
		return say.Errorf("run %s on %s: %w", a.Command[0], a.Host, err)
	}
	l.log.Append(timeline.Ran{
		Host: a.Host, Command: a.Command, Exit: command.ProcessState.ExitCode(), Expected: a.Exit,
		Output: string(output.text),
	})
	return nil
}

// Path is a PATH for programs inside a host, where one is root: with the directories of
// programs for root, which an ordinary user's PATH lacks on Debian.
func Path(path string) string {
	directories := filepath.SplitList(path)
	for _, d := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if !slices.Contains(directories, d) {
			directories = append(directories, d)
		}
	}
	return strings.Join(directories, string(filepath.ListSeparator))
}

// LookUp finds a program in a PATH as a shell does.
func LookUp(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, directory := range filepath.SplitList(path) {
		file := filepath.Join(directory, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", syscall.ENOENT
}

// A tail keeps the end of what is written.
type tail struct {
	most int // bytes
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	if over := len(t.text) - t.most; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(b), nil
}
