package control

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"lablab/enforce"
	"lablab/flow"
	"lablab/lab"
	"lablab/packet"
	"lablab/play"
	"lablab/report"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// A kept is a lab with its timeline and the records that requests need.
type kept struct {
	lab      *lab.Lab
	log      *timeline.Log
	scenario string
	started  time.Time // identifies its timeline
	report   explained
	over     chan struct{} // closed once its hosts have no network
	next     *kept         // the lab that replaced it, or nil
}

// status completes about, which describes the process, with the state of the lab.
func (k *kept) status(ctx context.Context, about Status) (Status, error) {
	k.sync(ctx)
	status := about
	status.Last = k.log.Last()
	status.Scenario, status.Started, status.Missed = k.scenario, k.started, k.missed()
	policy := k.lab.Policy()
	carriers := map[string][]string{}
	for _, h := range k.lab.Hosts() {
		carrier, _ := policy.Account.Interface(h.Name)
		file, err := k.lab.Namespace(h.Name)
		if err != nil {
			return status, err
		}
		uts, err := k.lab.UTS(h.Name)
		if err != nil {
			return status, err
		}
		host := Host{
			Name: h.Name, Address: h.Address.String(), Groups: append([]string{}, carrier.Groups...), Namespace: file, UTS: uts, ACL: carrier.ACL != nil,
			ACLRules: carrier.ACL, Model: enforce.Notation(h.Enforcement()),
		}
		if h.Second.IsValid() {
			host.Second = h.Second.String()
		}
		status.Hosts = append(status.Hosts, host)
		for _, g := range carrier.Groups {
			carriers[g] = append(carriers[g], h.Name)
		}
	}
	status.PrefixLists = []PrefixList{}
	for _, l := range policy.Account.PrefixLists {
		if l.Known {
			status.PrefixLists = append(status.PrefixLists, PrefixList{ID: l.ID, Entries: append([]netip.Prefix{}, l.Entries...)})
		}
	}
	for _, g := range policy.Account.Groups {
		group := Group{ID: g.Key(), Hosts: append([]string{}, carriers[g.Key()]...), Rules: []Rule{}, Revoked: []Rule{}}
		for _, r := range policy.Account.Ever(g.Key()) {
			rule := Rule{Rule: r.Rule, Direction: r.Direction, Text: r.String(), Number: policy.Number(r.Group, r.ID)}
			if slices.Contains(policy.Account.Revoked, r) {
				group.Revoked = append(group.Revoked, rule)
			} else {
				group.Rules = append(group.Rules, rule)
			}
		}
		status.Groups = append(status.Groups, group)
	}
	return status, nil
}

// sync returns once the timeline has everything that the kernel has sent so far, unless the lab has
// failed.
func (k *kept) sync(ctx context.Context) {
	ctx, cancel := k.whole(ctx)
	defer cancel()
	k.lab.Sync(ctx)
}

// observe adds the lab's entries and counters to the timeline, unless the lab has failed.
func (k *kept) observe(ctx context.Context) error {
	ctx, cancel := k.whole(ctx)
	defer cancel()
	if k.lab.Broken().Err() != nil {
		return nil
	}
	return k.lab.Observe(ctx)
}

// whole returns a context that also ends when the lab fails.
func (k *kept) whole(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(k.lab.Broken(), cancel)
	return ctx, func() { stop(); cancel() }
}

// flows returns the entries of a host, or of all hosts.
func (k *kept) flows(host string) ([]Flow, error) {
	flows := []Flow{}
	found := false
	policy := k.lab.Policy()
	for _, h := range k.lab.Hosts() {
		if host != "" && h.Name != host {
			continue
		}
		found = true
		entries, err := k.lab.Flows(h.Name)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			flows = append(flows, k.flowOf(policy, h.Name, e))
		}
	}
	if !found {
		return nil, say.Errorf("the lab has no host %s", host)
	}
	return flows, nil
}

func (k *kept) flowOf(policy play.Policy, host string, e flow.Entry) Flow {
	f := Flow{Entry: report.EntryOf(host, e), Key: e.Orig}
	if rule, known := k.lab.Known(e.Mark); known {
		f.AdmittedBy = &rule.ID
		f.AdmittingGone = !policy.InForce(rule)
	}
	if rule, known := k.lab.Known(e.Released); known {
		f.ReleasedBy = &rule.ID
		f.ReleasingGone = !policy.InForce(rule)
	}
	return f
}

// rules returns the ruleset of a host, after the network ACL that is attached to it.
func (k *kept) rules(host string) (Ruleset, error) {
	tables, counters, err := k.lab.Rules(host)
	if err != nil {
		return Ruleset{}, err
	}
	answer := Ruleset{Host: host, Counters: []timeline.Counter{}}
	for _, t := range tables {
		answer.Text += t.String()
	}
	for _, c := range counters {
		answer.Counters = append(answer.Counters, timeline.Counter{Direction: c.Direction, Rule: c.ID, Number: c.By.Number, Packets: c.Packets, Bytes: c.Bytes})
	}
	return answer, nil
}

// apply makes changes and returns what they did to existing flows.
func (k *kept) apply(ctx context.Context, changes ...sg.Change) (Effect, error) {
	done, err := k.lab.Apply(ctx, changes...)
	if err != nil {
		return Effect{}, err
	}
	outlived, err := k.lab.Outlived(done)
	if err != nil {
		return Effect{}, err
	}
	denied, err := k.lab.Denied(done)
	e := Effect{Outlived: outlived, Converted: done.Converted, Untracked: string(done.Untracked), Denied: denied, Deleted: done.Deleted}
	for _, m := range done.Rechecking {
		e.Models = append(e.Models, m.String())
	}
	return e, err
}

func (k *kept) cut(c CutRequest) (CutAnswer, error) {
	if c.Flow == nil && c.ConntrackID == 0 && c.AdmittedBy == "" && !c.All {
		return CutAnswer{}, say.New("say what to cut: a flow, the flows admitted by a rule, or all")
	}
	if c.Host != "" {
		if _, err := k.lab.Namespace(c.Host); err != nil {
			return CutAnswer{}, err
		}
	}
	admitted := map[uint32]bool{}
	if c.AdmittedBy != "" {
		flows, err := k.flows(c.Host)
		if err != nil {
			return CutAnswer{}, err
		}
		for _, f := range flows {
			admitted[f.AdmittingNumber] = f.AdmittedBy != nil && *f.AdmittedBy == c.AdmittedBy
			if f.ReleasedBy != nil {
				admitted[f.ReleasingNumber] = *f.ReleasedBy == c.AdmittedBy
			}
		}
	}
	n, err := k.lab.Cut(c.Host, func(e flow.Entry) bool {
		return c.All || c.Flow != nil && e.Orig == *c.Flow || c.ConntrackID != 0 && e.ID == c.ConntrackID || admitted[e.Mark] || admitted[e.Released]
	})
	return CutAnswer{Cut: n}, err
}

// start starts a stream that runs until it is stopped.
func (k *kept) start(a StreamStart) (Stream, error) {
	protocols := map[string]packet.Protocol{"icmp": packet.ICMP, "tcp": packet.TCP, "udp": packet.UDP}
	protocol, known := protocols[a.Protocol]
	if !known {
		return Stream{}, say.Errorf("start stream: unknown protocol %q: expected icmp, tcp or udp", a.Protocol)
	}
	name, err := k.lab.StartStream(scenario.Start{Protocol: protocol, From: a.From, To: a.To, Port: a.Port})
	return Stream{Stream: name}, err
}
