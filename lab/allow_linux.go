package lab

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"lablab/ns"
	"lablab/say"
)

// A place is what has started this program, as far as that decides how to give it more privileges.
type place string

const (
	machine    place = ""
	docker     place = "docker"
	podman     place = "podman"
	kubernetes place = "kubernetes"
	service    place = "systemd"
)

// here looks for the marks that Docker and Podman leave in a container, for the variable that
// Kubernetes sets in each, and for the control group of a service of systemd. A virtual machine that
// was made from a container's image has Docker's mark, too, but not the namespaces.
func here() place {
	exists := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	contained := !isInitial("pid", 0xEFFFFFFC) || !isInitial("uts", 0xEFFFFFFE)
	switch groups, _ := os.ReadFile("/proc/self/cgroup"); {
	case contained && os.Getenv("KUBERNETES_SERVICE_HOST") != "":
		return kubernetes
	case contained && exists("/run/.containerenv"):
		return podman
	case contained && exists("/.dockerenv"):
		return docker
	case slices.ContainsFunc(strings.Fields(string(groups)), func(group string) bool { return strings.HasSuffix(group, ".service") }):
		return service
	}
	return machine
}

// isInitial reports whether this process is in the namespace that the kernel starts with, which
// always has the same number (linux/proc_ns.h).
func isInitial(kind string, number uint32) bool {
	link, err := os.Readlink("/proc/self/ns/" + kind)
	return err == nil && link == fmt.Sprintf("%s:[%d]", kind, number)
}

// allow returns a hint on how to allow what this process was found to be denied. In a container it
// is all that a lab needs, whatever was denied first.
func (s start) allow() say.Sentence {
	switch s.place {
	case docker, podman:
		return say.F("start the container with: %s run %s", string(s.place), s.options())
	case kubernetes:
		return say.F("in the pod, give the container this securityContext: {%s}", s.securityContext())
	case service:
		if directives := s.directives(); directives != "" {
			return say.F("add to the service's unit file: %s", directives)
		}
	}
	if !s.root && !s.filtered() {
		return s.becomeRoot()
	}
	return say.F("allow it where this program is started; in Docker: docker run %s", s.options())
}

// allowEither is a hint for when capabilities are lacking and --rootless never was asked for.
func (s start) allowEither() say.Sentence {
	if ns.TryRootless() != nil {
		return s.allow()
	}
	return say.F("%s; or let it use a user namespace: --rootless auto", s.allow())
}

// options returns the options of docker run, or podman run, with which a lab can be built. Root needs
// capabilities, and mounts another /proc by them. An ordinary user needs a user namespace, which
// Docker's seccomp filter forbids, and the container's own /proc.
func (s start) options() string {
	var options []string
	security := func(option string) { options = append(options, "--security-opt "+option) }
	if s.root {
		options = append(options, "--cap-add NET_ADMIN", "--cap-add SYS_ADMIN")
		if s.place == podman || slices.Contains(s.Lacking, "CAP_NET_RAW") {
			options = append(options, "--cap-add NET_RAW")
		}
	}
	if !s.root || s.filteredWithSysAdmin() {
		security("seccomp=unconfined")
	}
	switch hidden := !s.root || s.hidden(); {
	case hidden && s.place == podman:
		security("unmask=ALL")
	case hidden:
		security("systempaths=unconfined")
	}
	switch {
	case s.Profile != "" && s.selinux():
		security("label=disable")
	case s.Profile != "":
		security("apparmor=unconfined")
	}
	return strings.Join(options, " ")
}

// securityContext is the same for a container of Kubernetes.
func (s start) securityContext() string {
	var members []string
	if !s.root {
		members = append(members, "runAsUser: 0")
	}
	capabilities := "NET_ADMIN, SYS_ADMIN"
	if slices.Contains(s.Lacking, "CAP_NET_RAW") {
		capabilities += ", NET_RAW"
	}
	members = append(members, "capabilities: {add: ["+capabilities+"]}")
	if s.root && s.hidden() {
		members = append(members, "procMount: Unmasked")
	}
	if s.root && s.filteredWithSysAdmin() {
		members = append(members, "seccompProfile: {type: Unconfined}")
	}
	if s.Profile != "" && !s.selinux() {
		members = append(members, "appArmorProfile: {type: Unconfined}")
	}
	return strings.Join(members, ", ")
}

// directives returns what a unit file of systemd must say (systemd.exec(5)), or "" if nothing that
// systemd denies was found.
func (s start) directives() string {
	var lines []string
	if len(s.Lacking) > 0 {
		capabilities := strings.Join(s.Lacking, " ")
		if lines = append(lines, "CapabilityBoundingSet="+capabilities); !s.root {
			lines = append(lines, "AmbientCapabilities="+capabilities)
		}
	}
	if s.forbids("clone") || s.forbids("unshare") || s.forbids("setns") {
		lines = append(lines, "RestrictNamespaces=no")
	}
	if s.forbids("socket") {
		lines = append(lines, "RestrictAddressFamilies=AF_NETLINK AF_PACKET AF_INET AF_INET6 AF_UNIX")
	}
	if s.Sysctls != nil {
		lines = append(lines, "ProtectKernelTunables=no")
	}
	if s.Profile != "" && !s.selinux() {
		lines = append(lines, "AppArmorProfile=unconfined")
	}
	return strings.Join(lines, ", ")
}

// hidden reports whether root cannot mount another /proc, in spite of the capability.
func (s start) hidden() bool {
	return s.Sysctls != nil && !slices.Contains(s.Lacking, "CAP_SYS_ADMIN") && !s.rootless
}

// filtered reports whether a seccomp filter forbids what even root needs.
func (s start) filtered() bool {
	return s.forbids("socket") || s.forbids("unshare") || s.forbids("setns") || s.forbids("mount")
}

// filteredWithSysAdmin reports whether it would do so in a container that has CAP_SYS_ADMIN: then the
// filters of Docker and Kubernetes allow namespaces.
func (s start) filteredWithSysAdmin() bool {
	return s.forbids("socket") || s.filtered() && !slices.Contains(s.Lacking, "CAP_SYS_ADMIN")
}

func (s start) forbids(what string) bool {
	return slices.ContainsFunc(s.Forbidden, func(call string) bool { return strings.HasPrefix(call, what) })
}

// selinux reports whether the profile is a context of SELinux, which has three colons or more.
func (s start) selinux() bool { return strings.Count(s.Profile, ":") >= 3 }

// module names the security module that confines this process.
func (s start) module() string {
	if s.selinux() {
		return "SELinux (" + s.Profile + ")"
	}
	return "AppArmor (" + s.Profile + ")"
}
