package lab

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lablab/ns"
)

// For everything that a kernel may lack, the error explains it and hints at a fix.
func TestUnableTo(t *testing.T) {
	for _, l := range lacks() {
		err := unableTo(l.step, fmt.Errorf("some library: %w", l.errno))
		var unable *Unable
		if !errors.As(err, &unable) {
			t.Errorf("%s, %v: got %v, want *Unable", l.step, l.errno, err)
			continue
		}
		if unable.Hint.Empty() || !errors.Is(err, l.errno) {
			t.Errorf("%s, %v: hint %q", l.step, l.errno, unable.Hint)
		}
		if strings.Contains(err.Error(), l.errno.Error()) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s, %v: bare %q", l.step, l.errno, err)
		}
	}
	for errno, limit := range map[unix.Errno]string{unix.EMFILE: "RLIMIT_NOFILE", unix.ENFILE: "fs.file-max"} {
		var unable *Unable
		if !errors.As(unableTo(openTrace, errno), &unable) || !strings.Contains(unable.Lacks.String(), limit) {
			t.Errorf("%v does not name the limit %s", errno, limit)
		}
	}
	if err := unableTo(makeVeth, errors.New("no errno")); !strings.Contains(err.Error(), string(makeVeth)) {
		t.Errorf("%v does not say what could not be done", err)
	}
}

// The hint never suggests becoming root to root, or using a program that is not installed.
func TestAsRoot(t *testing.T) {
	typed := strings.Fields
	const elsewhere, installed, built, compiled = "/home/u/go/bin/lablab", "/usr/local/bin/lablab", "/home/u/src/lablab", "/tmp/go-build1234/b001/exe/lablab"
	for _, test := range []struct {
		start start
		want  string
	}{
		{start{args: typed("lablab run"), program: installed, sudo: true}, "run it as root: sudo lablab run"},
		{start{args: typed("lablab up -d"), program: installed, sudo: true}, "run it as root: sudo lablab up -d"},
		{start{args: typed("lablab run"), program: elsewhere, sudo: true}, "run it as root: sudo /home/u/go/bin/lablab run"},
		{start{args: typed("./lablab probe icmp"), program: built, sudo: true}, "run it as root: sudo ./lablab probe icmp"},
		{start{args: []string{"./lablab", "probe", "tcp 10.0.0.1 > A:22"}, program: built, sudo: true}, "run it as root: sudo ./lablab probe"},
		{start{args: typed(compiled + " run udp"), program: compiled, sudo: true}, "build it and run it as root: go build . && sudo ./lablab run udp"},
		{start{args: typed("lablab run"), program: installed}, "run it as root"},
		{start{args: typed("lablab run"), program: installed, sudo: true, Confinement: ns.Confinement{NoNewPrivs: true}}, "run it as root, from another session: no_new_privs is set here, so sudo has no effect"},
	} {
		if got := test.start.allow().String(); got != test.want {
			t.Errorf("%+v:\n%s\nwant\n%s", test.start, got, test.want)
		}
	}
}

// The hint fits the place where the program runs. What it names for Docker, Podman and Kubernetes is
// run in TestContainers; here are security modules that not every machine has.
func TestAllow(t *testing.T) {
	filtered := []string{"unshare(CLONE_NEWNET)"}
	admins := []string{"CAP_SYS_ADMIN", "CAP_NET_ADMIN"}
	const label = "system_u:system_r:container_t:s0:c1,c2"
	for _, test := range []struct {
		place
		root bool
		ns.Confinement
		want string
	}{
		{docker, true, ns.Confinement{Lacking: admins, Forbidden: filtered}, "start the container with: docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN"},
		{docker, true, ns.Confinement{Profile: "docker-default (enforce)"}, "start the container with: docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN --security-opt apparmor=unconfined"},
		{docker, true, ns.Confinement{Forbidden: filtered}, "start the container with: docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN --security-opt seccomp=unconfined"},
		{docker, true, ns.Confinement{Sysctls: ns.ErrReadOnly}, "start the container with: docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN --security-opt systempaths=unconfined"},
		{docker, false, ns.Confinement{Forbidden: filtered}, "start the container with: docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined"},
		{podman, true, ns.Confinement{Profile: label}, "start the container with: podman run --cap-add NET_ADMIN --cap-add SYS_ADMIN --cap-add NET_RAW --security-opt label=disable"},
		{podman, false, ns.Confinement{}, "start the container with: podman run --security-opt seccomp=unconfined --security-opt unmask=ALL"},
		{kubernetes, true, ns.Confinement{Lacking: admins}, "in the pod, give the container this securityContext: {capabilities: {add: [NET_ADMIN, SYS_ADMIN]}}"},
		{kubernetes, false, ns.Confinement{Profile: "cri-containerd.apparmor.d (enforce)", Lacking: append(admins, "CAP_NET_RAW")}, "in the pod, give the container this securityContext: {runAsUser: 0, capabilities: {add: [NET_ADMIN, SYS_ADMIN, NET_RAW]}, appArmorProfile: {type: Unconfined}}"},
		{kubernetes, true, ns.Confinement{Sysctls: ns.ErrReadOnly, Forbidden: filtered}, "in the pod, give the container this securityContext: {capabilities: {add: [NET_ADMIN, SYS_ADMIN]}, procMount: Unmasked, seccompProfile: {type: Unconfined}}"},
		{service, true, ns.Confinement{Lacking: admins}, "add to the service's unit file: CapabilityBoundingSet=CAP_SYS_ADMIN CAP_NET_ADMIN"},
		{service, false, ns.Confinement{Lacking: admins, Forbidden: filtered}, "add to the service's unit file: CapabilityBoundingSet=CAP_SYS_ADMIN CAP_NET_ADMIN, AmbientCapabilities=CAP_SYS_ADMIN CAP_NET_ADMIN, RestrictNamespaces=no"},
		{service, true, ns.Confinement{Forbidden: []string{"socket(AF_NETLINK)"}, Sysctls: ns.ErrReadOnly}, "add to the service's unit file: RestrictAddressFamilies=AF_NETLINK AF_PACKET AF_INET AF_INET6 AF_UNIX, ProtectKernelTunables=no"},
		{service, true, ns.Confinement{Profile: "lablab (enforce)"}, "add to the service's unit file: AppArmorProfile=unconfined"},
		{service, true, ns.Confinement{}, "allow it where this program is started; in Docker: docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN"},
		{machine, true, ns.Confinement{Lacking: []string{"CAP_NET_RAW"}}, "allow it where this program is started; in Docker: docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN --cap-add NET_RAW"},
		{machine, false, ns.Confinement{Lacking: admins}, "run it as root"},
		{machine, false, ns.Confinement{Forbidden: filtered}, "allow it where this program is started; in Docker: docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined"},
	} {
		s := start{args: []string{"lablab", "run"}, place: test.place, root: test.root, Confinement: test.Confinement}
		if got := s.allow().String(); got != test.want {
			t.Errorf("%q, root %v, %+v:\n%s\nwant\n%s", test.place, test.root, test.Confinement, got, test.want)
		}
	}
}

// A cause is what was looked up. Those that this machine cannot have are given.
func TestDeniedIsLookedUp(t *testing.T) {
	const label = "system_u:system_r:container_t:s0"
	for _, test := range []struct {
		ns.Confinement
		at    step
		errno unix.Errno
		want  string // "" if nothing explains it
	}{
		{ns.Confinement{}, makeNamespace, unix.EPERM, ""},
		{ns.Confinement{Lacking: []string{"CAP_NET_RAW"}}, makeNamespace, unix.EPERM, "this process lacks CAP_NET_RAW"},
		{ns.Confinement{Lacking: []string{"CAP_NET_RAW"}}, openICMP, unix.EPERM, "this process may not open raw sockets (it lacks CAP_NET_RAW)"},
		{ns.Confinement{Lacking: []string{"CAP_NET_RAW"}}, makeVeth, unix.EOPNOTSUPP, ""},
		{ns.Confinement{Lacking: []string{"CAP_SYS_ADMIN"}, Forbidden: []string{"setns(CLONE_NEWNET)"}}, buildLab, unix.EPERM, "a seccomp filter forbids setns(CLONE_NEWNET) here"},
		{ns.Confinement{Forbidden: []string{"socket(AF_NETLINK)"}}, buildLab, unix.EAFNOSUPPORT, "a seccomp filter forbids socket(AF_NETLINK) here"},
		{ns.Confinement{NoProc: true, Sysctls: ns.ErrCovered}, makeNamespace, unix.ENOENT, "/proc is not mounted here"},
		{ns.Confinement{Sysctls: ns.ErrCovered}, armConntrack, unix.ENOENT, "/proc/sys/net is covered by another mount here, as in a container"},
	} {
		got := ""
		if why := (start{Confinement: test.Confinement}).denied(test.at, test.errno); why != nil {
			got = why.Lacks.String()
		}
		if got != test.want {
			t.Errorf("%+v, %s, %v: %q, want %q", test.Confinement, test.at, test.errno, got, test.want)
		}
	}
	for profile, want := range map[string]string{
		"docker-default (enforce)": "create: operation not permitted, and this process is confined by AppArmor (docker-default (enforce))",
		label:                      "create: operation not permitted, and this process is confined by SELinux (" + label + ")",
		"":                         "create: operation not permitted, though this process has the capabilities and no seccomp filter forbids it",
	} {
		s := start{Confinement: ns.Confinement{Profile: profile}}
		if got := s.refused(fmt.Errorf("create: %w", unix.EPERM)).Lacks.String(); got != want {
			t.Errorf("profile %q: %q, want %q", profile, got, want)
		}
	}
}
