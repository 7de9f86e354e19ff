package lab

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/sg"
)

// A disagreement is an account and a packet on which the prediction and the kernel differ, or once
// did. Each run retries those in testdata/disagreements.
type disagreement struct {
	Groups      []*sg.Group
	Interfaces  []sg.Interface
	PrefixLists []sg.PrefixList
	Probe       Probe
}

func (d disagreement) account() *sg.Account {
	a := &sg.Account{Groups: d.Groups, PrefixLists: d.PrefixLists}
	for _, i := range d.Interfaces {
		a.Attach(i)
	}
	return a
}

// holds checks whether the kernel still differs from the prediction.
func (d disagreement) holds(ctx context.Context, predict func(*sg.Account, Probe) bool) (bool, error) {
	a := d.account()
	p, err := NewProber(ctx, enforce.Host{Account: a, Groups: a.Groups})
	if err != nil {
		return false, err
	}
	defer p.Close()
	judgements, err := p.Ask(ctx, []Probe{d.Probe})
	if err != nil {
		return false, err
	}
	return judgements[0].Admitted != predict(a, d.Probe), nil
}

func predicted(a *sg.Account, b Probe) bool {
	d, packet := b.Packet()
	_, admitted := a.Judge(a.Groups, d, packet)
	return admitted
}

// shrink removes whatever the disagreement does not need.
func (d disagreement) shrink(ctx context.Context, predict func(*sg.Account, Probe) bool) disagreement {
	for smaller := true; smaller; {
		smaller = false
		for _, candidate := range d.parts() {
			if still, err := candidate.holds(ctx, predict); err == nil && still {
				d, smaller = candidate, true
				break
			}
		}
	}
	return d
}

// parts returns all variants with one thing removed.
func (d disagreement) parts() []disagreement {
	var parts []disagreement
	without := func(alter func(*disagreement)) {
		part := d
		part.Groups = d.account().Clone().Groups
		part.PrefixLists = slices.Clone(d.PrefixLists)
		alter(&part)
		parts = append(parts, part)
	}
	for i, g := range d.Groups {
		without(func(p *disagreement) { p.Groups = slices.Delete(p.Groups, i, i+1) })
		for k := range g.Ingress {
			without(func(p *disagreement) { p.Groups[i].Ingress = slices.Delete(p.Groups[i].Ingress, k, k+1) })
		}
		for k := range g.Egress {
			without(func(p *disagreement) { p.Groups[i].Egress = slices.Delete(p.Groups[i].Egress, k, k+1) })
		}
	}
	for i := range d.Interfaces {
		without(func(p *disagreement) { p.Interfaces = slices.Delete(slices.Clone(d.Interfaces), i, i+1) })
	}
	for i, l := range d.PrefixLists {
		without(func(p *disagreement) { p.PrefixLists = slices.Delete(p.PrefixLists, i, i+1) })
		for k := range l.Entries {
			without(func(p *disagreement) { p.PrefixLists[i].Entries = slices.Delete(slices.Clone(l.Entries), k, k+1) })
		}
	}
	return parts
}

// keep saves it where later runs retry it.
func (d disagreement) keep(t *testing.T, name string) {
	t.Helper()
	text, err := json.MarshalIndent(d, "", "  ")
	must(t, err)
	must(t, os.MkdirAll("testdata/disagreements", 0o755))
	file := filepath.Join("testdata/disagreements", name+".json")
	must(t, os.WriteFile(file, append(text, '\n'), 0o644))
	t.Errorf("the prediction and the kernel differ; the smallest case is kept in lab/%s:\n%s", file, text)
}

func TestKeptDisagreements(t *testing.T) {
	nstest.Kernel(t)
	files, err := filepath.Glob("testdata/disagreements/*.json")
	must(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(t, err)
		var d disagreement
		must(t, json.Unmarshal(text, &d))
		if differ, err := d.holds(t.Context(), predicted); err != nil || differ {
			t.Errorf("%s: differ again: %v, %v", name, differ, err)
		}
	}
}

// A wrong prediction shrinks to the one rule that it is wrong about.
func TestShrink(t *testing.T) {
	nstest.Kernel(t)
	wrong := func(a *sg.Account, b Probe) bool { // a prediction that ignores prefix lists
		blind := a.Clone()
		blind.PrefixLists = nil
		return predicted(blind, b)
	}
	a := ec2(t)
	d := disagreement{a.Groups, a.Interfaces, a.PrefixLists, Probe{From: a.PrefixLists[0].Entries[0].Addr(), To: netip.MustParseAddr("10.255.1.197"), Protocol: packet.TCP, SourcePort: 4711, Port: 22}}
	for _, l := range a.PrefixLists {
		if l.ID == "pl-0123456789abcdef0" {
			d.Probe.From = l.Entries[0].Addr().Next()
		}
	}
	if differ, err := d.holds(t.Context(), wrong); err != nil || !differ {
		t.Fatalf("the wrong prediction is right: %v", err)
	}
	small := d.shrink(t.Context(), wrong)
	if len(small.Groups) != 1 || len(small.Groups[0].Ingress) != 1 || len(small.Groups[0].Egress) != 0 || len(small.Interfaces) != 0 || len(small.PrefixLists) != 1 || len(small.PrefixLists[0].Entries) != 1 {
		t.Errorf("not the smallest: %+v", small)
	}
}
