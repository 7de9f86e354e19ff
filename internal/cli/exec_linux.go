package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"lablab/internal/control"
	"lablab/lab"
	"lablab/ns"
	"lablab/say"
)

// owner returns the user whose labs the commands address.
func owner() int { return ns.Owner() }

// execIn replaces this process with a program inside a host of a lab. It returns only if that
// fails.
func execIn(ctx context.Context, env Env, name, host string, command []string) error {
	client := env.lab(name)
	status, err := client.Status(ctx)
	client.Close()
	if err != nil {
		return refused(err)
	}
	i := slices.IndexFunc(status.Hosts, func(h control.Host) bool { return h.Name == host })
	if i < 0 {
		return noHost(status, host)
	}
	path := lab.Path(env.Getenv("PATH"))
	program, err := lab.LookUp(command[0], path)
	if err == nil {
		err = unix.Access(program, unix.X_OK)
	}
	if err != nil {
		return cannotRun(command[0], err)
	}
	set := []string{"LABLAB_HOST=" + host, "LABLAB_NAME=" + name, "PATH=" + path, "HOSTNAME=" + host}
	if env.Getenv("PS1") == "" {
		set = append(set, "PS1="+host+"# ") // for a shell without a prompt of its own
	}
	environment := environmentWith(set)
	dieOf(syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		dieOf(syscall.SIGHUP)
	}
	if err := watchEnd(ctx, env, name, host); err != nil {
		return &brokenError{err: err}
	}
	if ctx.Err() != nil { // by a signal before that
		return context.Cause(ctx)
	}
	if status.Rootless {
		return enterRootless(status, i, command, environment)
	}
	if err := ns.Join(status.Hosts[i].Namespace, status.Hosts[i].UTS, hostNames(status.Hosts)); err != nil {
		return failure(ctx, lab.Explain(say.Errorf("enter host %s: %w", host, err)))
	}
	return cannotRun(program, syscall.Exec(program, command, environment))
}

// dieOf makes signals end this process, as they will end the program that it is about to become.
// What signal.Reset leaves in place is a handler, which loses a signal during execve(2).
func dieOf(signals ...syscall.Signal) {
	const setSize = 8
	var byDefault [32]byte // struct sigaction
	for _, s := range signals {
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&byDefault)), 0, setSize, 0, 0)
	}
}

// environmentWith returns this process's environment with some variables set, each once: getenv(3)
// finds the first of two.
func environmentWith(set []string) []string {
	return append(set, slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.ContainsFunc(set, func(s string) bool { return strings.HasPrefix(s, name+"=") })
	})...)
}

// cannotRun explains why a program could not be started, with a shell's exit codes (POSIX, Shell
// Command Language, Exit Status for Commands).
func cannotRun(program string, err error) error {
	const notExecutable, notFound = 126, 127
	code := notExecutable
	if errors.Is(err, syscall.ENOENT) {
		code = notFound
	}
	return &notRunError{usageError{say.Errorf("run %s: %w", program, err), say.F("name a program that is installed on this machine")}, code}
}

// enterRootless enters through nsenter(1): a multithreaded process, as this one is, may not enter a
// user namespace (setns(2)).
func enterRootless(status control.Status, i int, command, environment []string) error {
	nsenter, err := lab.LookUp("nsenter", "/usr/bin:/bin:/usr/sbin:/sbin")
	if err != nil {
		return &usageError{say.New("nsenter, which enters a lab without root, is missing"), say.F("install util-linux")}
	}
	of := fmt.Sprintf("/proc/%d/ns/", status.PID)
	args := []string{"nsenter", "--preserve-credentials", "--user=" + of + "user", "--mount=" + of + "mnt", "--net=" + status.Hosts[i].Namespace, "--wdns=" + workingDirectory()}
	if uts := status.Hosts[i].UTS; uts != "" {
		args = append(args, "--uts="+uts)
	}
	args = append(args, "--")
	return &brokenError{err: say.Errorf("run %s: %w", nsenter, syscall.Exec(nsenter, append(args, command...), environment))}
}

func workingDirectory() string {
	if directory, err := os.Getwd(); err == nil {
		return directory
	}
	return "/"
}

// hostNames returns an /etc/hosts with the names of the lab's hosts and all of their addresses.
func hostNames(hosts []control.Host) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	for _, h := range hosts {
		for _, a := range strings.Fields(addressesOf(h)) {
			address, _, _ := strings.Cut(a, "/")
			fmt.Fprintf(&b, "%s %s\n", address, h.Name)
		}
	}
	return b.String()
}
