package contained_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"lablab/internal/nstest"
	"lablab/ns"
)

// A container as docker run, podman run or a pod of Kubernetes makes it.
type container struct {
	engine       string
	user         uint32
	remapped     bool // in a user namespace of its own
	capabilities []string
	unconfined   bool // without a seccomp filter
	unmasked     bool // with all of /proc
}

// newContainer returns a container with the engine's defaults.
func newContainer(engine string, user uint32, remapped bool) container {
	// Podman's, of containers-common(5); Docker and containerd give three more.
	names := []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
	if engine != "podman" {
		names = append(names, "NET_RAW", "MKNOD", "AUDIT_WRITE")
	}
	return container{engine: engine, user: user, remapped: remapped, capabilities: names}
}

// with applies the options of a command line, or the members of a securityContext.
func (c container) with(t *testing.T, options string) container {
	t.Helper()
	c.capabilities = slices.Clone(c.capabilities)
	known := regexp.MustCompile(`--security-opt apparmor=unconfined|--cap-add (\w+)|add: \[([A-Z_, ]+)\]|--user (1000)|runAsUser: (0)|(seccomp=unconfined|seccompProfile: \{type: Unconfined\})|(systempaths=unconfined|unmask=ALL|procMount: Unmasked)|--security-opt |capabilities: \{|[,}\s]`)
	if rest := known.ReplaceAllString(options, ""); rest != "" {
		t.Fatalf("%s has no meaning here, in %s", rest, options)
	}
	for _, m := range known.FindAllStringSubmatch(options, -1) {
		switch {
		case m[1]+m[2] != "":
			c.capabilities = append(c.capabilities, regexp.MustCompile(`[A-Z_]+`).FindAllString(m[1]+m[2], -1)...)
		case m[3] != "":
			c.user = 1000
		case m[4] != "":
			c.user = 0
		case m[5] != "":
			c.unconfined = true
		case m[6] != "":
			c.unmasked = true
		}
	}
	return c
}

// spec returns the container's configuration for an OCI runtime.
func (c container) spec(t *testing.T, root string, args, env []string) *specs.Spec {
	t.Helper()
	var capabilities []string
	for _, name := range c.capabilities {
		capabilities = append(capabilities, "CAP_"+name)
	}
	held := capabilities
	if c.user != 0 {
		held = nil
	}
	spec := &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: root},
		Process: &specs.Process{
			Args: args, Env: env, Cwd: "/", User: specs.User{UID: c.user, GID: c.user},
			Capabilities: &specs.LinuxCapabilities{Bounding: capabilities, Effective: held, Permitted: held},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755"}},
			{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=1777"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "pid"}, {Type: "ipc"}, {Type: "uts"}, {Type: "mount"}, {Type: "network"}}},
	}
	if c.remapped {
		const first, many = 100_000, 65_536
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
		spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: first, Size: many}}
		spec.Linux.GIDMappings = spec.Linux.UIDMappings
	}
	if !c.unmasked { // as moby's daemon/pkg/oci has it
		spec.Linux.MaskedPaths = []string{"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"}
		spec.Linux.ReadonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
	}
	if !c.unconfined {
		filter, err := seccomp.GetDefaultProfile(spec)
		if err != nil {
			t.Fatal(err)
		}
		spec.Linux.Seccomp = filter
	}
	return spec
}

// An ociRuntime runs lablab in containers with runc(8).
type ociRuntime struct{ runc, lablab, directory string }

func newRuntime(t *testing.T) ociRuntime {
	t.Helper()
	if !ns.Powerful() || ns.IsRootless() {
		t.Skip("needs root")
	}
	r := ociRuntime{runc: nstest.Tool(t, "runc"), lablab: nstest.LabBuilder(t)}
	directory, err := os.MkdirTemp("", "lablab-runc-") // t.TempDir is closed to other users, who must enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	r.directory = directory
	program, err := os.ReadFile(r.lablab)
	if err == nil {
		err = writeAs(filepath.Join(directory, "bin"), "lablab", program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// writeAs writes a file in a directory that every user may enter, whatever the umask.
func writeAs(directory, name string, text []byte, mode os.FileMode) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	file := filepath.Join(directory, name)
	return errors.Join(os.Chmod(directory, 0o755), os.WriteFile(file, text, mode), os.Chmod(file, mode))
}

// run runs a command of lablab in the container, and returns what it wrote and its exit code.
func (r ociRuntime) run(t *testing.T, c container, args ...string) (stderr string, code int) {
	t.Helper()
	bundle, err := os.MkdirTemp(r.directory, "")
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(bundle, "root")
	for _, made := range []string{bundle, root, filepath.Join(root, "run")} {
		if err := errors.Join(os.MkdirAll(made, 0o755), os.Chmod(made, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=/opt/lablab", "HOME=/", "LABLAB_LANG=en", nstest.Owner()}
	mark := map[string]string{"docker": ".dockerenv", "podman": "run/.containerenv"}[c.engine]
	switch c.engine {
	case "kubernetes":
		env = append(env, "KUBERNETES_SERVICE_HOST=10.96.0.1")
	default:
		if err := os.WriteFile(filepath.Join(root, mark), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	spec := c.spec(t, root, append([]string{"/opt/lablab/lablab"}, args...), env)
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/opt/lablab", Type: "bind", Source: filepath.Join(r.directory, "bin"), Options: []string{"bind", "ro"}})
	for _, library := range []string{"/lib", "/lib64", "/usr"} { // lablab may be linked to libc here
		spec.Mounts = append(spec.Mounts, bindOrLink(t, root, library)...)
	}
	for _, m := range spec.Mounts { // the root of a user namespace may not create them
		if err := os.MkdirAll(filepath.Join(root, m.Destination), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(spec)
	if err == nil {
		err = os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(r.runc, "--root", filepath.Join(bundle, "state"), "run", "--bundle", bundle, filepath.Base(r.directory)+"-"+filepath.Base(bundle))
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	code = nstest.ExitCode(command.Run())
	return out.String(), code
}

// bindOrLink shows a directory of the machine in the container.
func bindOrLink(t *testing.T, root, directory string) []specs.Mount {
	t.Helper()
	if target, err := os.Readlink(directory); err == nil {
		if err := os.Symlink(target, filepath.Join(root, directory)); err != nil {
			t.Fatal(err)
		}
		return nil
	}
	if _, err := os.Stat(directory); err != nil {
		return nil
	}
	return []specs.Mount{{Destination: directory, Type: "bind", Source: directory, Options: []string{"bind", "ro"}}}
}

// In a container as its engine makes it, lablab says what is denied and what would allow it. With
// exactly that, it runs. The filter is Docker's own, which Podman's and containerd's resemble.
func TestContainers(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	for _, test := range []struct {
		container
		denied string
		hint   string
	}{
		{newContainer("docker", 0, false), "root lacks CAP_SYS_ADMIN, CAP_NET_ADMIN here and cannot use a user namespace instead: a seccomp filter forbids .*", "start the container with: docker run (.*)"},
		{newContainer("docker", 1000, false), "a seccomp filter forbids .*", "start the container with: docker run (.*)"},
		{newContainer("docker", 0, false).with(t, "seccomp=unconfined"), "/proc/sys is mounted read-only here, as in an unprivileged container", "start the container with: docker run (.*)"},
		{newContainer("docker", 0, true), "root lacks CAP_SYS_ADMIN, CAP_NET_ADMIN here .*", "start the container with: docker run (.*)"},
		{newContainer("podman", 0, false), "root lacks CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW here .*", "start the container with: podman run (.*)"},
		{newContainer("podman", 1000, true), "a seccomp filter forbids .*", "start the container with: podman run (.*)"},
		{newContainer("kubernetes", 1000, false), "a seccomp filter forbids .*", "in the pod, give the container this securityContext: {(.*)}"},
		{newContainer("kubernetes", 0, true), "root lacks CAP_SYS_ADMIN, CAP_NET_ADMIN here .*", "in the pod, give the container this securityContext: {(.*)}"},
	} {
		t.Run(fmt.Sprintf("%s %d %v %d", test.engine, test.user, test.remapped, len(test.capabilities)), func(t *testing.T) {
			t.Parallel()
			said, code := r.run(t, test.container, "run", "-q", "--interval", "1ms")
			lines := strings.Split(strings.TrimSpace(said), "\n")
			hint := regexp.MustCompile("^hint: " + test.hint + "$").FindStringSubmatch(lines[len(lines)-1])
			if code != 3 || len(lines) != 2 || !regexp.MustCompile("^error: "+test.denied+"$").MatchString(lines[0]) || hint == nil {
				t.Fatalf("exit code %d, want 3, %s, %s:\n%s", code, test.denied, test.hint, said)
			}
			if said, code := r.run(t, test.with(t, hint[1]), "run", "-q", "--interval", "1ms"); code != 0 {
				t.Errorf("%s does not suffice: exit code %d\n%s", hint[1], code, said)
			}
		})
	}
}

// What docs/install.md and docs/ci.md give a container is enough.
func TestDocumentedContainers(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	documented := regexp.MustCompile(`(?m)^(docker|podman) run (-.*) lablab run$|securityContext: \{(.*)\}$|^(cap_add) = \["(\w+)", "(\w+)"\]$`)
	for name, ways := range map[string]int{"install.md": 5, "ci.md": 2} {
		text, err := os.ReadFile("../../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		found := documented.FindAllStringSubmatch(string(text), -1)
		if len(found) != ways {
			t.Errorf("%s has %d containers, want %d", name, len(found), ways)
		}
		for _, m := range found {
			engine, options := m[1], m[2]
			switch {
			case m[3] != "":
				engine, options = "kubernetes", m[3]
			case m[4] != "":
				engine, options = "docker", "--cap-add "+m[5]+" --cap-add "+m[6]
			}
			for _, remapped := range slices.Compact([]bool{false, engine != "docker"}) {
				t.Run(fmt.Sprintf("%s %s %v", engine, options, remapped), func(t *testing.T) {
					t.Parallel()
					if said, code := r.run(t, newContainer(engine, 0, remapped).with(t, options), "run", "-q", "--interval", "1ms"); code != 0 {
						t.Errorf("exit code %d\n%s", code, said)
					}
				})
			}
		}
	}
}
