package lab

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// ExplainRootless explains why a user namespace could not be had. The error is an *ns.RootlessError.
func ExplainRootless(err error) error {
	var failed *ns.RootlessError
	if !errors.As(err, &failed) {
		return unableTo(makeUser, err)
	}
	s := started().doing(makeUser)
	why := s.noUserNamespace(failed)
	if s.root && !s.powerful && !s.rootless {
		why = say.F("root lacks %s here and cannot use a user namespace instead: %s", strings.Join(s.Lacking, ", "), why)
	}
	return &Unable{Lacks: why, Hint: s.allowRootless(failed), Err: err}
}

// noUserNamespace looks up why a stage failed.
func (s start) noUserNamespace(failed *ns.RootlessError) say.Sentence {
	is := func(errnos ...unix.Errno) bool {
		return slices.ContainsFunc(errnos, func(errno unix.Errno) bool { return errors.Is(failed, errno) })
	}
	denied, created := is(unix.EPERM, unix.EACCES), failed.Stage != ns.CreateUser
	forbidden := slices.DeleteFunc(slices.Clone(s.Forbidden), func(call string) bool { return strings.HasPrefix(call, "socket") })
	switch {
	case len(forbidden) > 0:
		return say.F("a seccomp filter forbids %s here", strings.Join(forbidden, ", "))
	case s.NoProc:
		return say.F("/proc is not mounted here")
	case is(unix.EAGAIN):
		return say.F("this process may not start another (RLIMIT_NPROC, or pids.max of its control group)")
	case is(unix.ENOSPC) && failed.Stage == ns.CreateNetwork:
		return say.F("the limit user.max_net_namespaces is reached")
	case is(unix.ENOSPC, unix.EUSERS) && sysctlIs("user/max_user_namespaces", "0"):
		return say.F("user namespaces are disabled here (user.max_user_namespaces=0)")
	case is(unix.ENOSPC, unix.EUSERS):
		return say.F("the limit user.max_user_namespaces is reached, here or in an outer user namespace")
	case is(unix.EINVAL) && !created:
		return say.F("this kernel has no user namespaces (CONFIG_USER_NS)")
	case denied && failed.Stage == ns.MapUser && s.root && !s.SetFCap:
		return say.F("this process may not map root into a user namespace (it lacks CAP_SETFCAP)")
	case denied && failed.Stage != ns.StartAgain && sysctlIs("kernel/apparmor_restrict_unprivileged_userns", "1"):
		return say.F("AppArmor denies user namespaces to ordinary users here (kernel.apparmor_restrict_unprivileged_userns=1, as on Ubuntu 24.04)")
	case denied && !created && sysctlIs("kernel/unprivileged_userns_clone", "0"):
		return say.F("only root may create user namespaces here (kernel.unprivileged_userns_clone=0)")
	case denied && !created && inChroot():
		return say.F("this process runs in a chroot, where no user namespace can be created")
	case denied && s.Profile != "":
		return say.F("%v, and this process is confined by %s", failed, s.module())
	}
	return say.F("%v", failed)
}

// allowRootless returns a hint on how to get a user namespace, or do without.
func (s start) allowRootless(failed *ns.RootlessError) say.Sentence {
	full := errors.Is(failed, unix.ENOSPC) || errors.Is(failed, unix.EUSERS)
	switch {
	case s.NoProc:
		return say.F("mount it: mount -t proc proc /proc")
	case s.powerful && len(s.Forbidden) == 0 && !full:
		return say.F("leave out --rootless always: root needs no user namespace")
	case s.powerful && len(s.Forbidden) == 0:
		return say.F("leave out --rootless always: root needs no user namespace; or raise the limit: sysctl user.max_user_namespaces=1000")
	case full && failed.Stage == ns.CreateNetwork:
		return say.F("raise it: sudo sysctl user.max_net_namespaces=1000, or end the processes in the others (lsns -t net)")
	case full:
		return say.F("%s; or raise the limit: sysctl user.max_user_namespaces=1000", s.allow())
	}
	return s.allow()
}

// inChroot reports whether the root directory of this process is not where its mount namespace
// begins: then no mount has the path /.
func inChroot() bool {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	const path = 4 // the field: proc_pid_mountinfo(5)
	return !slices.ContainsFunc(strings.Split(string(mounts), "\n"), func(line string) bool {
		fields := strings.Fields(line)
		return len(fields) > path && fields[path] == "/"
	})
}

func sysctlIs(key, value string) bool {
	b, err := os.ReadFile("/proc/sys/" + key)
	return err == nil && strings.TrimSpace(string(b)) == value
}
