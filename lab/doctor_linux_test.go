package lab

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
	"lablab/nft"
	"lablab/ns"
	"lablab/packet"
)

// Wherever the tests can run, everything that a run needs works, and the diagnosis leaves the
// machine unchanged.
func TestDiagnose(t *testing.T) {
	nstest.Kernel(t)
	before := nstest.Fingerprint(t)
	for range 5 {
		d := Diagnose(t.Context(), nil)
		if !d.Able() || d.Rootless != ns.IsRootless() || !strings.HasPrefix(d.Kernel, "Linux ") {
			t.Errorf("able: %v, rootless: %v, kernel: %s", d.Able(), d.Rootless, d.Kernel)
		}
		for _, f := range d.Findings {
			if f.Found.Empty() || (f.Status != Works) != !f.Hint.Empty() {
				t.Errorf("%s: %s: %q, hint %q", f.Name, f.Status, f.Found, f.Hint)
			}
			if f.Status == Missing || f.Needed && f.Status != Works {
				t.Errorf("%s: %s: %s", f.Name, f.Status, f.Found)
			}
		}
	}
	if diff := cmp.Diff(before, nstest.Fingerprint(t)); diff != "" {
		t.Errorf("the machine is not as it was:\n%s", diff)
	}
}

// Whatever is broken in the lab is found where it was broken, and nowhere else.
func TestDiagnoseFindsWhatBreaks(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	broken := errors.New("broken on purpose")
	for _, c := range []struct {
		what, before string // the trial before which it breaks
		breakIt      func(*testing.T, *examination) error
		found        map[string]string // what is missing then, and the text of the finding
	}{
		{"a trial that fails", "veth", func(*testing.T, *examination) error { return broken },
			map[string]string{"veth": "broken on purpose"}},
		{"an expression", "nft ct mark", func(_ *testing.T, e *examination) error { e.lacking[3] = unix.EOPNOTSUPP; return nil },
			map[string]string{"nft ct mark": "lacks it (CONFIG_NF_CONNTRACK_MARK)"}},
		{"the trace", "ping", nftable("flush chain inet trace ingress; flush chain inet trace egress"),
			map[string]string{"verdict trace": "the kernel reports nothing"}},
		{"the filter", "default deny", nftable("chain inet security_group ingress { policy accept; }"),
			map[string]string{"default deny": "the self-check failed"}},
		{"the way there", "ping", nftable("insert rule inet security_group ingress icmp type echo-request drop"),
			map[string]string{"ping": "await echo reply: no reply within 1s"}},
		{"conntrack's memory", "conntrack entry", func(t *testing.T, e *examination) error {
			nstest.Output(t, e.a.ns, "conntrack", "-F")
			return nil
		}, map[string]string{"conntrack entry": "conntrack has no entry for the ping"}},
		{"conntrack's accounts", "ping", sysctl("netfilter/nf_conntrack_acct", "0"),
			map[string]string{"conntrack entry": "counts 0 packets sent and 0 back"}},
		{"conntrack's events", "ping", sysctl("netfilter/nf_conntrack_events", "0"),
			map[string]string{"conntrack events": "CONFIG_NF_CONNTRACK_EVENTS"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			d := diagnoseBroken(t, c.before, c.breakIt)
			missing := map[string]string{}
			for _, f := range d.Findings {
				if f.Status == Missing && !f.Hint.Empty() {
					missing[f.Name] = f.Found.String()
				}
				if !strings.Contains(f.Found.String(), "needs ") && f.Status == NotTried && f.Name != "root" {
					t.Errorf("%s was not tried: %s", f.Name, f.Found)
				}
			}
			for name, words := range c.found {
				if !strings.Contains(missing[name], words) {
					t.Errorf("%s: %q, want %q", name, missing[name], words)
				}
			}
			if len(missing) != len(c.found) || d.Able() {
				t.Errorf("missing: %v, able: %v", slices.Sorted(maps.Keys(missing)), d.Able())
			}
		})
	}
}

// diagnoseBroken breaks something just before a trial. If breaking it fails, that trial fails.
func diagnoseBroken(t *testing.T, before string, breakIt func(*testing.T, *examination) error) Diagnosis {
	t.Helper()
	e := &examination{}
	defer e.close()
	trials := e.trials()
	i := slices.IndexFunc(trials, func(t trial) bool { return t.name == before })
	try := trials[i].try
	trials[i].try = func(ctx context.Context) (Finding, error) {
		if err := breakIt(t, e); err != nil {
			return Finding{}, err
		}
		return try(ctx)
	}
	return e.examine(t.Context(), trials)
}

func nftable(command string) func(*testing.T, *examination) error {
	return func(t *testing.T, e *examination) error {
		for _, h := range []*Host{e.a, e.b} {
			nstest.Input(t, h.ns, command, "nft", "-f", "-")
		}
		return nil
	}
}

func sysctl(key, value string) func(*testing.T, *examination) error {
	return func(_ *testing.T, e *examination) error { return e.a.ns.SetSysctl(map[string]string{key: value}) }
}

func TestDiagnoseWithoutIPv6(t *testing.T) {
	nstest.Kernel(t)
	e := &examination{}
	defer e.close()
	a, b := newDoctorsHost("A6", doctorsNet6, 1), newDoctorsHost("B6", doctorsNet6, 2)
	if err := e.prepare(a, b); err != nil {
		t.Fatal(err)
	}
	off := map[string]string{"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1"}
	if err := errors.Join(a.ns.SetSysctl(off), b.ns.SetSysctl(off)); err != nil {
		t.Fatal(err)
	}
	_, err := e.pingOver6(t.Context(), a, b)
	var unable *Unable
	if !errors.As(err, &unable) || !strings.Contains(unable.Lacks.String(), "IPv6 is switched off") {
		t.Errorf("got %v", err)
	}
}

// Findings that cannot occur on this machine.
func TestFindingsOfOtherMachines(t *testing.T) {
	for kernel, want := range map[string]Status{
		"Linux 5.14.0-427.el9": Degraded, "Linux 4.19.0": Degraded, "Linux 5.15.0-1": Works, "Linux 6.8.0": Works, "unknown": Works,
	} {
		if f := ageOf(kernel); f.Status != want {
			t.Errorf("%s: %s", kernel, f.Status)
		}
	}
	for state, want := range map[packet.State]Status{"": Degraded, packet.New: Works} {
		e := &examination{verdicts: []nft.Verdict{{State: "new", KernelState: state}}}
		if f, err := e.tryTracedState(t.Context()); f.Status != want || err != nil {
			t.Errorf("state %q in the trace: %s, %v", state, f.Status, err)
		}
	}
	if _, err := (&examination{verdicts: []nft.Verdict{{State: "new", KernelState: "invalid"}}}).tryTracedState(t.Context()); err == nil {
		t.Error("a state that the kernel gives otherwise is accepted")
	}
	if f := missingFor(unableTo(makeNamespace, unix.ENOSPC), false); f.Status != NotTried {
		t.Errorf("without room for a namespace: %s", f.Status)
	}
	if f := missingFor(errors.Join(os.ErrInvalid), true); f.Status != Missing || f.Hint.Empty() {
		t.Errorf("without an explanation: %+v", f)
	}
}

// What only some models need is known from their tables.
func TestModelsWith(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"ct mark in a set":    {"rejudge"},
		"ct original address": {"tied", "rejudge"},
		"ct original port":    {"tied", "rejudge"},
	}
	for _, x := range nft.Expressions() {
		got, err := modelsWith(x)
		if err != nil || !slices.Equal(got, want[x.Name]) {
			t.Errorf("%s: %q, %v, want %q", x.Name, got, err, want[x.Name])
		}
	}
}
