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

// exec runs a program of the machine inside a host and waits for it to exit.
func (l *Lab) exec(ctx context.Context, a scenario.Exec) error {
	host, err := l.host(a.Host)
	if err != nil {
		return err
	}
	const grace = time.Second // for processes that keep its output open
	output := &tail{most: 2000}
	path := Path(os.Getenv("PATH"))
	program, err := LookUp(a.Command[0], path)
	if err != nil {
		return notRun(a, err)
	}
	command := exec.CommandContext(ctx, program, a.Command[1:]...)
	command.Args[0], command.Env, command.WaitDelay = a.Command[0], environment(path), grace
	if l.keepOutput {
		command.Stdout, command.Stderr = output, output
	}
	// In its own PID namespace, everything that the program started dies with it. The program in
	// turn is killed when the thread that started it ends; that thread waits for it here.
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	err = host.ns.Do(command.Run)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && !errors.Is(err, exec.ErrWaitDelay) {
		return notRun(a, err)
	}
	l.log.Append(timeline.Ran{
		Host: a.Host, Command: a.Command, Exit: command.ProcessState.ExitCode(), Expected: a.Exit,
		Output: string(output.text), Took: time.Since(began),
	})
	return nil
}

// environment returns the environment of a scenario's program: nothing that may hold a secret.
func environment(path string) []string {
	environment := []string{"PATH=" + path}
	for _, name := range []string{"HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"} {
		if value, set := os.LookupEnv(name); set {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// notRun says why the program could not be run.
func notRun(a scenario.Exec, err error) error {
	if errors.Is(err, syscall.ENOENT) {
		return say.Errorf("run %s on %s: no such program is installed on this machine", a.Command[0], a.Host)
	}
	return say.Errorf("run %s on %s: %w", a.Command[0], a.Host, err)
}

// Path returns a PATH for programs run as root inside a host. It includes the sbin directories,
// which an ordinary user's PATH lacks on Debian.
func Path(path string) string {
	directories := filepath.SplitList(path)
	for _, d := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if !slices.Contains(directories, d) {
			directories = append(directories, d)
		}
	}
	return strings.Join(directories, string(filepath.ListSeparator))
}

// LookUp finds a program in a PATH, as a shell does.
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

// A tail keeps the last bytes written to it.
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
