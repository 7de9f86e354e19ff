package fate_test

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/fate"
	"lablab/live"
	"lablab/packet"
	"lablab/plan"
)

func read(t *testing.T, file string) *plan.Plan {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := plan.Read(file, f, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tcp(from string, port uint16, to string, target uint16) live.Flow {
	return live.Flow{Key: packet.Key{
		Protocol: packet.TCP, Source: netip.MustParseAddr(from), SourcePort: port, Destination: netip.MustParseAddr(to), DestinationPort: target,
	}}
}

// toEach returns two connections to each host.
func toEach(p *plan.Plan) (flows []live.Flow) {
	for _, i := range p.Before.Interfaces {
		for _, a := range i.Addresses {
			flows = append(flows, tcp("10.0.0.20", 51234, a.String(), 443), tcp("10.1.0.20", 51234, a.String(), 443))
		}
	}
	return flows
}

// A connection that EC2 does not track does not survive a gap, whatever the rules say of new ones.
func TestUntracked(t *testing.T) {
	t.Parallel()
	flow := tcp("10.0.0.20", 51234, "10.0.0.10", 443)
	untracked, elsewhere := flow, flow
	untracked.Untracked, elsewhere.Untracked, elsewhere.Host = true, true, "eni-other"
	f := fate.Of(read(t, "../plan/testdata/inline.plan.json"), []live.Flow{flow, untracked, elsewhere, flow}, fate.Options{})
	for i, want := range []fate.Word{fate.LivesOn, fate.Interrupted, fate.LivesOn, fate.LivesOn} {
		if got := f.Fates[i]; got.Word != want {
			t.Errorf("%d: %+v, want %s", i, got, want)
		}
	}
}

// Of a connection whose addresses NAT replaces, nothing is certain.
func TestTranslated(t *testing.T) {
	t.Parallel()
	plain := tcp("10.0.0.20", 51234, "10.0.0.10", 443)
	translated := plain
	reply := packet.Key{Protocol: packet.TCP, Source: netip.MustParseAddr("10.0.9.9"), Destination: plain.Source, SourcePort: 8443, DestinationPort: 51234}
	translated.Reply = &reply
	f := fate.Of(read(t, "../plan/testdata/inline.plan.json"), []live.Flow{plain, translated}, fate.Options{})
	if !f.Fates[0].Certain || f.Fates[1].Certain || f.Fates[1].Again.Certain || len(f.Fates[1].Doubts) != 1 {
		t.Errorf("%+v", f.Fates)
	}
}

// The fates of two connections to each host, one of which the rules allow before the change, and the
// findings, in each sample of a change.
func TestSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../plan/testdata/*.plan.json")
	more, err2 := filepath.Glob("../testdata/plan/[^c]*.json")
	files = append(files, more...)
	if err := errors.Join(err, err2); err != nil || len(files) < 20 {
		t.Fatal(len(files), err)
	}
	var b strings.Builder
	for _, file := range files {
		p := read(t, file)
		fmt.Fprintln(&b, filepath.Base(file))
		describe(&b, fate.Of(p, toEach(p), fate.Options{Orders: 100}))
	}
	const golden = "testdata/samples.golden"
	want, err := os.ReadFile(golden)
	if err != nil && !*update {
		t.Fatal(err)
	}
	if *update {
		want = []byte(b.String())
		if err := os.WriteFile(golden, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Error(diff)
	}
}

var update = flag.Bool("update", false, "write the golden files")

func describe(b *strings.Builder, f fate.Forecast) {
	course := func(c fate.Course) string {
		s := string(c.Word)
		if !c.Certain {
			s += "?"
		}
		if c.From > 0 || c.To > 0 {
			s += fmt.Sprintf(" %d-%d", c.From, c.To)
		}
		return s
	}
	for _, f := range f.Fates {
		fmt.Fprintf(b, "  %s: %s, again %s: %s\n", f.Flow.Key, course(f.Course), course(f.Again), f.Why)
		for _, o := range f.Others {
			fmt.Fprintf(b, "    if %d comes before %d: %s, again %s\n", o.First, o.Second, course(o.Course), course(o.Again))
		}
		for _, d := range f.Doubts {
			fmt.Fprintf(b, "    ? %s\n", d)
		}
	}
	for _, f := range f.Findings {
		certain := ""
		if !f.Certain {
			certain = "?"
		}
		fmt.Fprintf(b, "  ! %s%s %d-%d: %s\n", f.Kind, certain, f.From, f.To, f.Said)
		if f.Cure.Name != "" {
			fmt.Fprintf(b, "    %s: %s\n", f.Cure.Name, f.Cure.Text)
		}
	}
}
