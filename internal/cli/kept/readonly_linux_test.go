package kept_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lablab/internal/nstest"
	"lablab/ns"
)

// Programs can be run in a lab where no directory is writable and no /etc/hosts exists; and where it
// exists, the hosts have names.
func TestExecWithoutWritableDirectories(t *testing.T) {
	t.Parallel()
	if !ns.Powerful() {
		t.Skip("only root makes directories read-only")
	}
	unshare := nstest.Tool(t, "unshare")
	const readOnly = "mount --bind /tmp /tmp; mount --bind /var/tmp /var/tmp; mount -o remount,ro,bind /tmp; mount -o remount,ro,bind /var/tmp; export TMPDIR=/nowhere\n"
	const noHosts = "mount -t tmpfs none /etc; mount -o remount,ro /etc\n"
	k := keep(t, nstest.LabBuilder(t), "read-only")
	for name, c := range map[string]struct{ before, program, says string }{
		"read-only":          {readOnly, "cat /etc/hosts /etc/resolv.conf", "127.0.0.1 localhost\n::1 localhost\n10.255.1.197 A\n10.255.1.10 B\n# no name server\n"},
		"without /etc/hosts": {readOnly + noHosts, "cat /proc/self/mounts", " /tmp "},
	} {
		in := exec.Command(unshare, "--mount", "sh", "-ec", c.before+k.path+" exec --name "+k.name+" B -- "+c.program)
		in.Env = k.env
		out, err := in.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	up := exec.Command(unshare, "--mount", "sh", "-ec", readOnly+noHosts+strings.Join([]string{
		k.path, "up -d --rootless always --name", k.name + "-2;", k.path, "down --name", k.name + "-2",
	}, " "))
	up.Env = k.env
	if out, err := up.CombinedOutput(); err != nil || !strings.Contains(string(out), "-2 is gone") {
		t.Errorf("up: %v\n%s", err, out)
	}
}

// Neither /dev/null nor, for files that are written, /proc is needed.
func TestWithoutDevices(t *testing.T) {
	t.Parallel()
	if !ns.Powerful() {
		t.Skip("only root covers directories")
	}
	unshare := nstest.Tool(t, "unshare")
	const without = "mount -t tmpfs none "
	path, dir := nstest.LabBuilder(t), t.TempDir()
	for place, command := range map[string]string{
		"/dev":  path + " up -d; " + path + " exec B -- true; " + path + " down",
		"/proc": path + " report ../../../testdata/ping.jsonl --report html=" + dir + "/page; test -s " + dir + "/page",
	} {
		c := exec.Command(unshare, "--mount", "sh", "-ec", without+place+"\n"+command)
		c.Env = append(os.Environ(), "LABLAB_SOCKET_DIR="+dir)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("without %s: %v\n%s", place, err, out)
		}
	}
	if left, err := filepath.Glob(dir + "/*"); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}
