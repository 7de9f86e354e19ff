package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
	"lablab/ns"
)

// Another process changes the namespaces of a running lab. Whatever it does, the run does not hold;
// and where it can be seen, the error says that it was another process.
func TestDisturbedLab(t *testing.T) {
	t.Parallel()
	nstest.Tools(t, "nft", "nsenter", "ip")
	if !ns.Powerful() {
		t.Skip("only root enters the namespaces of another process")
	}
	path := nstest.LabBuilder(t)
	const deleted = "error: run the scenario: change ruleset: another process has deleted rules of this lab: "
	for deed, c := range map[string]struct {
		codes  []int
		stderr string // if the exit code is 4
	}{
		"nft flush ruleset":                                  {[]int{4}, deleted},
		"nft delete table inet security_group":               {[]int{4}, deleted},
		"nft delete table inet trace":                        {[]int{1}, ""},
		"nft flush chain inet security_group ingress":        {[]int{1, 4}, "error: run the scenario: change ruleset: read back ingress rules: found "},
		"nft insert rule inet security_group ingress accept": {[]int{1, 4}, "another process has changed them\n"},
		"nft add table inet x; nft add chain inet x c '{ type filter hook input priority 0; policy drop; }'": {[]int{1}, ""},
		"ip link set eth0 down":                                     {[]int{1}, ""},
		"ip link del eth0 2>/dev/null || :":                         {[]int{1}, ""},
		"ip addr flush dev eth0":                                    {[]int{1}, ""},
		"echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all":           {[]int{1}, ""},
		"echo 0 >/proc/sys/net/netfilter/nf_conntrack_icmp_timeout": {[]int{1}, ""},
	} {
		t.Run(deed, func(t *testing.T) {
			t.Parallel()
			run := exec.Command(path, "run", "--interval", "10ms", "--format", "json")
			out, stderr, code := amid(t, run, "rule icmp revoked", func() { inEach(t, run.Process, deed) })
			var report struct{ Held bool }
			if err := json.Unmarshal(out, &report); err != nil || report.Held {
				t.Errorf("%v, held: %v", err, report.Held)
			}
			if !slices.Contains(c.codes, code) || code == 4 && !strings.Contains(string(stderr), c.stderr) {
				t.Errorf("exit code %d, want one of %v\n%s", code, c.codes, stderr)
			}
		})
	}
}

// inEach runs a shell command in each network namespace that the process holds by a file descriptor.
// The process is stopped meanwhile: on a busy machine it could be done before the command is.
func inEach(t *testing.T, p *os.Process, command string) {
	t.Helper()
	if err := p.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Signal(unix.SIGCONT) }()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); !strings.HasPrefix(target, "net:[") {
			continue
		}
		if out, err := exec.Command(nstest.Tool(t, "nsenter"), "--net="+fd, "sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
}
