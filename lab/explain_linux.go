package lab

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// A step is something that not every machine can do.
type step string

const (
	makeNamespace step = "create a network namespace"
	makeVeth      step = "create a veth pair"
	makeBridge    step = "create a bridge"
	armConntrack  step = "enable conntrack's accounting"
	installRules  step = "install nftables rules"
	openTrace     step = "open the verdict trace"
	openEvents    step = "watch conntrack events"
	dumpEntries   step = "list conntrack entries"
	openICMP      step = "open an ICMP socket"
	buildLab      step = "build the lab"
	playScenario  step = "run the scenario"
)

// A lack is what an errno means at some step: what is missing, and how to fix it. The errnos were
// measured on Linux 6.18 where possible, and otherwise taken from the kernel source.
type lack struct {
	step  step
	errno unix.Errno
	lacks say.Sentence
	hint  say.Sentence
}

func rootOrNot() say.Sentence {
	return say.F("%s; or let it use a user namespace: --rootless auto", asRoot())
}

func kernelOf(option, module string) say.Sentence {
	return say.F("use a kernel that has %s; on a cloud or minimal kernel: sudo modprobe %s", option, module)
}

func lacks() []lack {
	return []lack{
		{makeNamespace, unix.EPERM, say.F("this process may not create network namespaces (it lacks CAP_SYS_ADMIN)"), rootOrNot()},
		{makeNamespace, unix.ENOSPC, say.F("the limit user.max_net_namespaces is reached"), say.F("raise it: sudo sysctl user.max_net_namespaces=1000, or end the processes in the others (lsns -t net)")},
		{makeNamespace, unix.EINVAL, say.F("this kernel has no network namespaces (CONFIG_NET_NS)"), say.F("use a kernel that has them, as every current distribution's does")},
		{makeVeth, unix.EPERM, say.F("this process may not configure links (it lacks CAP_NET_ADMIN)"), rootOrNot()},
		{makeVeth, unix.EOPNOTSUPP, say.F("this kernel has no veth links (CONFIG_VETH)"), kernelOf("CONFIG_VETH", "veth")},
		{makeBridge, unix.EOPNOTSUPP, say.F("this kernel has no bridges, needed for more than two hosts (CONFIG_BRIDGE)"), kernelOf("CONFIG_BRIDGE", "bridge")},
		{armConntrack, unix.ENOENT, say.F("this kernel has no connection tracking (CONFIG_NF_CONNTRACK)"), kernelOf("CONFIG_NF_CONNTRACK", "nf_conntrack")},
		{armConntrack, unix.EPERM, say.F("this process may not configure conntrack (it lacks CAP_NET_ADMIN, or the kernel is older than 5.7)"), rootOrNot()},
		{armConntrack, unix.EACCES, say.F("this process may not configure conntrack (it lacks CAP_NET_ADMIN, or the kernel is older than 5.7)"), rootOrNot()},
		{installRules, unix.EPERM, say.F("this process may not install nftables rules (it lacks CAP_NET_ADMIN)"), rootOrNot()},
		{installRules, unix.EPROTONOSUPPORT, say.F("this kernel has no netfilter netlink (CONFIG_NETFILTER_NETLINK)"), kernelOf("CONFIG_NETFILTER_NETLINK", "nfnetlink")},
		{installRules, unix.EOPNOTSUPP, say.F("this kernel has no nf_tables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET)"), kernelOf("CONFIG_NF_TABLES_INET", "nf_tables")},
		{installRules, unix.EINVAL, say.F("this kernel has no nf_tables (CONFIG_NF_TABLES)"), kernelOf("CONFIG_NF_TABLES", "nf_tables")},
		{installRules, unix.ENOENT, say.F("this kernel's nf_tables lacks the ct expression (CONFIG_NFT_CT)"), kernelOf("CONFIG_NFT_CT", "nft_ct")},
		{openTrace, unix.EPERM, say.F("this process may not read the nftables trace (it lacks CAP_NET_ADMIN)"), rootOrNot()},
		{openEvents, unix.EPERM, say.F("this process may not watch conntrack (it lacks CAP_NET_ADMIN)"), rootOrNot()},
		{dumpEntries, unix.EPERM, say.F("this process may not list conntrack entries (it lacks CAP_NET_ADMIN)"), rootOrNot()},
		{dumpEntries, unix.EINVAL, say.F("this kernel has no conntrack netlink (CONFIG_NF_CT_NETLINK)"), kernelOf("CONFIG_NF_CT_NETLINK", "nf_conntrack_netlink")},
		{openICMP, unix.EPERM, say.F("this process may not open raw sockets (it lacks CAP_NET_RAW)"), rootOrNot()},
	}
}

// unableTo explains an error at some step. An error without an explanation still gets the name of
// the step.
func unableTo(s step, err error) error {
	var unable *Unable
	if errors.As(err, &unable) {
		return err
	}
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
		return &Unable{say.F("the limit on open files is too low (RLIMIT_NOFILE)"), say.F("raise it: ulimit -n 1024"), err}
	}
	if errors.Is(err, unix.EROFS) {
		return &Unable{say.F("/proc/sys is mounted read-only here, as in an unprivileged container"), say.F("give the container its own /proc/sys: docker run --security-opt systempaths=unconfined, or --privileged"), err}
	}
	for _, l := range lacks() {
		if l.step == s && errors.Is(err, l.errno) {
			return &Unable{l.lacks, l.hint, err}
		}
	}
	return say.Errorf("%s: %w", say.Text(string(s)), err)
}

// ExplainRootless explains why no user namespace could be created.
func ExplainRootless(err error) error {
	lacking := ns.Lacking()
	switch {
	case ns.Owner() == 0 && !ns.IsRootless() && len(lacking) > 0 && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)):
		return &Unable{say.F("root lacks %s here and may not create a user namespace either, as in a container", strings.Join(lacking, ", ")), asRoot(), err}
	case sysctlIs("kernel/apparmor_restrict_unprivileged_userns", "1"):
		return &Unable{say.F("AppArmor denies user namespaces to ordinary users here (kernel.apparmor_restrict_unprivileged_userns=1, as on Ubuntu 24.04)"), asRoot(), err}
	case sysctlIs("user/max_user_namespaces", "0"):
		return &Unable{say.F("user namespaces are disabled here (user.max_user_namespaces=0)"), say.F("%s; or raise the limit: sysctl user.max_user_namespaces=1000", asRoot()), err}
	case errors.Is(err, unix.ENOSPC):
		return &Unable{say.F("the limit user.max_user_namespaces is reached"), say.F("%s; or raise the limit: sysctl user.max_user_namespaces=1000", asRoot()), err}
	case sysctlIs("kernel/unprivileged_userns_clone", "0"):
		return &Unable{say.F("only root may create user namespaces here (kernel.unprivileged_userns_clone=0)"), asRoot(), err}
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return &Unable{say.F("user namespaces are forbidden here, probably by a seccomp filter, as in a container"), asRoot(), err}
	case errors.Is(err, unix.EINVAL):
		return &Unable{say.F("this kernel has no user namespaces (CONFIG_USER_NS)"), asRoot(), err}
	}
	return &Unable{say.F("could not create a user namespace (%v)", err), asRoot(), err}
}

func sysctlIs(key, value string) bool {
	b, err := os.ReadFile("/proc/sys/" + key)
	return err == nil && strings.TrimSpace(string(b)) == value
}
