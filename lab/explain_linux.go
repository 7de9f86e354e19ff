package lab

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// A step is something that not every machine can do.
type step string

const (
	makeNamespace step = "create a network namespace"
	makeUser      step = "create a user namespace"
	makeVeth      step = "create a veth pair"
	makeBridge    step = "create a bridge"
	armConntrack  step = "enable conntrack's accounting"
	installRules  step = "install nftables rules"
	openTrace     step = "open the verdict trace"
	openEvents    step = "watch conntrack events"
	dumpEntries   step = "list conntrack entries"
	openICMP      step = "open an ICMP socket"
	openPacket    step = "open a packet socket"
	nameHosts     step = "name the hosts of a lab"
	buildLab      step = "build the lab"
	playScenario  step = "run the scenario"
)

// unableTo explains an error at some step: by a limit that its errno names, by what this process was
// found to be denied, or by what the kernel lacks. An error without an explanation still gets the
// name of the step.
func unableTo(s step, err error) error {
	var unable *Unable
	var errno unix.Errno
	denied := errors.Is(err, ns.ErrReadOnly) || errors.Is(err, ns.ErrCovered)
	switch {
	case errors.As(err, &unable):
		return err
	case !errors.As(err, &errno) && !denied:
		return say.Errorf("%s: %w", say.Text(string(s)), err)
	}
	why := exhausted(s, errno)
	if why == nil {
		why = started().denied(s, errno)
	}
	if why == nil {
		why = kernelLacks(s, errno)
	}
	if why == nil && s != playScenario && (errno == unix.EPERM || errno == unix.EACCES) {
		why = started().doing(s).refused(say.Errorf("%s: %w", say.Text(string(s)), err))
	}
	if why == nil {
		return say.Errorf("%s: %w", say.Text(string(s)), err)
	}
	why.Err = err
	return why
}

// Explain explains an error of what comes before and after the building of a lab, if a seccomp filter,
// a missing /proc or a missing capability is the cause. It returns any other error as it is.
func Explain(err error) error {
	s := started()
	why := s.withheld(nameHosts)
	if why == nil && errors.Is(err, unix.EPERM) && slices.Contains(s.Lacking, "CAP_SYS_ADMIN") {
		why = &Unable{Lacks: say.F("this process lacks %s", "CAP_SYS_ADMIN"), Hint: s.allow()}
	}
	if why == nil {
		return err
	}
	why.Err = err
	return why
}

// exhausted names the limit that was reached.
func exhausted(s step, errno unix.Errno) *Unable {
	switch {
	case errno == unix.EMFILE:
		return &Unable{Lacks: say.F("the limit on open files is too low (RLIMIT_NOFILE)"), Hint: say.F("raise it: ulimit -n 1024")}
	case errno == unix.ENFILE:
		return &Unable{Lacks: say.F("all programs of this machine together have too many files open (fs.file-max)"), Hint: say.F("raise the limit: sudo sysctl fs.file-max=1000000")}
	case errno == unix.ENOSPC && s == makeNamespace:
		return &Unable{Lacks: say.F("the limit user.max_net_namespaces is reached"), Hint: say.F("raise it: sudo sysctl user.max_net_namespaces=1000, or end the processes in the others (lsns -t net)")}
	}
	return nil
}

// denied names what this process is denied. The errno matters only for capabilities, since without
// the rest no lab can be built at all.
func (s start) denied(at step, errno unix.Errno) *Unable {
	permission := errno == unix.EPERM || errno == unix.EACCES
	if permission {
		for _, p := range privileges() {
			if p.step == at && slices.Contains(s.Lacking, p.capability) {
				return &Unable{Lacks: p.lacks, Hint: s.doing(at).allowEither()}
			}
		}
	}
	if why := s.withheld(at); why != nil {
		return why
	}
	s = s.doing(at)
	switch {
	case permission && len(s.Lacking) > 0 && at != playScenario:
		return &Unable{Lacks: say.F("this process lacks %s", strings.Join(s.Lacking, ", ")), Hint: s.allowEither()}
	case errors.Is(s.Sysctls, ns.ErrReadOnly):
		return &Unable{Lacks: say.F("/proc/sys is mounted read-only here, as in an unprivileged container"), Hint: s.allow()}
	case errors.Is(s.Sysctls, ns.ErrCovered):
		return &Unable{Lacks: say.F("/proc/sys/net is covered by another mount here, as in a container"), Hint: s.allow()}
	}
	return nil
}

// withheld names what no step can do without.
func (s start) withheld(at step) *Unable {
	s = s.doing(at)
	switch {
	case s.NoProc:
		return &Unable{Lacks: say.F("/proc is not mounted here"), Hint: say.F("mount it: mount -t proc proc /proc")}
	case len(s.Forbidden) > 0:
		return &Unable{Lacks: say.F("a seccomp filter forbids %s here", strings.Join(s.Forbidden, ", ")), Hint: s.allow()}
	}
	return nil
}

// doing leaves out the forbidden system calls that a step does without.
func (s start) doing(at step) start {
	only := map[string]step{"unshare(CLONE_NEWNS)": nameHosts, "mount": nameHosts, "socket(AF_PACKET)": openPacket, "socket(AF_INET6)": openICMP}
	s.Forbidden = slices.DeleteFunc(slices.Clone(s.Forbidden), func(call string) bool { return only[call] != "" && only[call] != at })
	return s
}

// A privilege is the capability that a step needs.
type privilege struct {
	step       step
	capability string
	lacks      say.Sentence
}

func privileges() []privilege {
	const sysAdmin, netAdmin, netRaw = "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_NET_RAW"
	return []privilege{
		{makeNamespace, sysAdmin, say.F("this process may not create network namespaces (it lacks CAP_SYS_ADMIN)")},
		{makeVeth, netAdmin, say.F("this process may not configure links (it lacks CAP_NET_ADMIN)")},
		{armConntrack, netAdmin, say.F("this process may not configure conntrack (it lacks CAP_NET_ADMIN)")},
		{installRules, netAdmin, say.F("this process may not install nftables rules (it lacks CAP_NET_ADMIN)")},
		{openTrace, netAdmin, say.F("this process may not read the nftables trace (it lacks CAP_NET_ADMIN)")},
		{openEvents, netAdmin, say.F("this process may not watch conntrack (it lacks CAP_NET_ADMIN)")},
		{dumpEntries, netAdmin, say.F("this process may not list conntrack entries (it lacks CAP_NET_ADMIN)")},
		{openPacket, netRaw, say.F("this process may not open raw sockets (it lacks CAP_NET_RAW)")},
		{openICMP, netRaw, say.F("this process may not open raw sockets (it lacks CAP_NET_RAW)")},
	}
}

// refused explains an error of permission for which none of the known causes was found.
func (s start) refused(err error) *Unable {
	if s.Profile != "" {
		return &Unable{Lacks: say.F("%v, and this process is confined by %s", err, s.module()), Hint: s.allow()}
	}
	return &Unable{Lacks: say.F("%v, though this process has the capabilities and no seccomp filter forbids it", err), Hint: s.allow()}
}

// A lack is what an errno means at some step if this process is denied nothing: what the kernel does
// not have. The errnos were measured on Linux 6.18 where possible, and otherwise taken from the
// kernel source.
type lack struct {
	step  step
	errno unix.Errno
	lacks say.Sentence
	hint  say.Sentence
}

func kernelOf(option, module string) say.Sentence {
	return say.F("use a kernel that has %s; on a cloud or minimal kernel: sudo modprobe %s", option, module)
}

func lacks() []lack {
	return []lack{
		{makeNamespace, unix.EINVAL, say.F("this kernel has no network namespaces (CONFIG_NET_NS)"), say.F("use a kernel that has them, as every current distribution's does")},
		{makeVeth, unix.EOPNOTSUPP, say.F("this kernel has no veth links (CONFIG_VETH)"), kernelOf("CONFIG_VETH", "veth")},
		{makeBridge, unix.EOPNOTSUPP, say.F("this kernel has no bridges, needed for more than two hosts (CONFIG_BRIDGE)"), kernelOf("CONFIG_BRIDGE", "bridge")},
		{armConntrack, unix.ENOENT, say.F("this kernel has no connection tracking (CONFIG_NF_CONNTRACK)"), kernelOf("CONFIG_NF_CONNTRACK", "nf_conntrack")},
		{installRules, unix.EPROTONOSUPPORT, say.F("this kernel has no netfilter netlink (CONFIG_NETFILTER_NETLINK)"), kernelOf("CONFIG_NETFILTER_NETLINK", "nfnetlink")},
		{installRules, unix.EOPNOTSUPP, say.F("this kernel has no nf_tables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET)"), kernelOf("CONFIG_NF_TABLES_INET", "nf_tables")},
		{installRules, unix.EINVAL, say.F("this kernel has no nf_tables (CONFIG_NF_TABLES)"), kernelOf("CONFIG_NF_TABLES", "nf_tables")},
		{installRules, unix.ENOENT, say.F("this kernel's nf_tables lacks an expression that the rules need"), say.F("to see which: %s", Command("doctor"))},
		{dumpEntries, unix.EINVAL, say.F("this kernel has no conntrack netlink (CONFIG_NF_CT_NETLINK)"), kernelOf("CONFIG_NF_CT_NETLINK", "nf_conntrack_netlink")},
	}
}

func kernelLacks(s step, errno unix.Errno) *Unable {
	if s == armConntrack && (errno == unix.EPERM || errno == unix.EACCES) && olderThan(kernel(), 5, 7) {
		return &Unable{Lacks: say.F("this kernel does not let a user namespace configure conntrack (Linux 5.7 and newer do)"), Hint: tryAsRoot()}
	}
	for _, l := range lacks() {
		if l.step == s && l.errno == errno {
			return &Unable{Lacks: l.lacks, Hint: l.hint, kernel: true}
		}
	}
	return nil
}
