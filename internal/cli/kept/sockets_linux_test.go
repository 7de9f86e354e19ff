package kept_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"lablab/internal/nstest"
	"lablab/ns"
)

// Where /run cannot be written, the error names the flag that helps, and with it every command finds
// the lab, also the commands that others suggest.
func TestUnwritableRun(t *testing.T) {
	t.Parallel()
	if !ns.Powerful() {
		t.Skip("needs root")
	}
	path := nstest.LabBuilder(t)
	for name, spoil := range map[string]string{
		"read-only": "mount -o remount,ro /run",
		"full":      "mount -o remount,size=4k,nr_inodes=2 /run; touch /run/x || true",
	} {
		sockets := t.TempDir()
		script := `set -e
mount -t tmpfs none /run
` + spoil + `
code=0
"$0" up -d --name unwritable || code=$?
[ $code = 4 ]
TMPDIR=/nowhere "$0" up -d --name unwritable --socket-dir "$1" | sed -n 's|^ .* status|status|p' >"$1/next"
"$0" $(cat "$1/next")
LABLAB_SOCKET_DIR=$1 "$0" exec --name unwritable B -- sh -c "echo ran on B"
cd "$1"
"$0" down --socket-dir . --name unwritable
`
		c := exec.Command(nstest.Tool(t, "unshare"), "--mount", "sh", "-c", script, path, sockets)
		c.Env = append(os.Environ(), "LABLAB_SOCKET_DIR=")
		out, err := c.CombinedOutput()
		for _, want := range []string{"hint: choose a writable directory of your own: --socket-dir DIR", "host A  10.255.1.197", "ran on B", "lab unwritable is gone"} {
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("%s: %v, %q is not in\n%s", name, err, want, out)
			}
		}
	}
}
