package kept_test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"lablab/internal/cli"
	"lablab/internal/nstest"
)

// Output that cannot be written is an error of its own, and says what had been done by then: of
// each command, and in each way it writes.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	k := keep(t, nstest.LabBuilder(t), "full")
	const acl = "100 allow all 0.0.0.0/0"
	groups := "../../../testdata/ec2/groups.json"
	rows := []struct {
		line string // NAME is the lab's
		done string // what the hint says
	}{
		{"", ""}, {"--help", ""}, {"run --help", ""}, {"help", ""}, {"--version", ""}, {"completion bash", ""},
		{"run -q --interval 1ms", "the run was stopped"},
		{"run -q --interval 1ms --format json", "this was done before: All predictions held."},
		{"run -q -j 1 --interval 1ms dropped udp", "this was done before: 2 scenarios: 1 held, 1 interrupted"},
		{"run -q --interval 1ms --format tap dropped udp", "this was done before: 2 scenarios: 2 held"},
		{"list", ""}, {"list --format json", ""}, {"models", ""}, {"models cilium", ""}, {"models --format json", ""}, {"models --format markdown", ""}, {"compare ping", ""}, {"compare ping --format json", ""}, {"compare ping --format markdown", ""}, {"what-if ../../../testdata/plan/rename.json", ""}, {"what-if --format json ../../../testdata/plan/rename.json", ""}, {"show udp", ""}, {"schema", ""}, {"doctor", ""}, {"doctor --format json", ""},
		{"check " + groups, ""}, {"check --format json " + groups, ""}, {"rules " + groups, ""},
		{"probe --groups " + groups + " --group sg-0a1 --from 203.0.113.7 --protocol tcp --port 22", ""},
		{"report ../../../testdata/ping.jsonl", ""}, {"report --format json ../../../testdata/ping.jsonl", ""},
		{"replay -q --speed 1000 ../../../testdata/ping.jsonl", ""},
		{"status --name NAME", ""}, {"status --name NAME --format json", ""}, {"ps", ""}, {"ps --format json", ""},
		{"flows --name NAME", ""}, {"flows --name NAME --format json", ""}, {"flows --name NAME --watch", ""},
		{"rules --name NAME A", ""}, {"rules --name NAME A --format json", ""},
		{"events --name NAME", ""}, {"capture --name NAME A -o -", ""}, {"capture --name NAME A -o /dev/full", ""}, {"record --name NAME /dev/full", "the record is empty"},
		{"revoke --name NAME icmp", "this was done before: revoked from group lab: icmp"},
		{"authorize --name NAME icmp", "this was done before: authorized in group lab: icmp"},
		{"cut --name NAME --all", "entries deleted"},
		{"groups --name NAME A", "this was done before: A has no groups"},
		{"prefix-list --name NAME", ""},
		{"acl --name NAME A --ingress RULE --egress RULE", "this was done before: A has a network ACL"},
		{"acl --name NAME A off", "this was done before: A has no network ACL"},
		{"load --name NAME cut", "this was done before: the lab now has the hosts and groups of cut"},
		{"up --name NAME -d", ""},
		{"down --name NAME", "this was done before: lab NAME is gone"},
		{"up --name NAME -d", "lab NAME is up all the same"},
	}
	for _, row := range rows {
		args := strings.Fields(strings.ReplaceAll(row.line, "NAME", k.name))
		for i, arg := range args {
			args[i] = strings.ReplaceAll(arg, "RULE", acl)
		}
		c := exec.Command(k.path, args...)
		var said bytes.Buffer
		c.Env, c.Stdout, c.Stderr = k.env, full, &said
		code := nstest.ExitCode(c.Run())
		if got := said.String(); code != 4 || strings.Count(got, "error: ") != 1 || !strings.Contains(got, "no space left") ||
			!strings.Contains(got, strings.ReplaceAll(row.done, "NAME", k.name)) || row.done == "" && strings.Contains(got, "hint: ") {
			t.Errorf("%s: exit code %d, want 4; says %q, want %q", row.line, code, got, row.done)
		}
	}
	for _, c := range cli.Commands().Commands() {
		own := []string{"exec", "trace"} // the program's output; only packets are written
		tried := slices.ContainsFunc(rows, func(row struct{ line, done string }) bool { return strings.HasPrefix(row.line, c.Name()) })
		if !tried && !c.Hidden && !slices.Contains(own, c.Name()) {
			t.Errorf("%s was not tried", c.Name())
		}
	}
}
