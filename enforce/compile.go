package enforce

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// The tables of a host. That of the groups has their rules, and only what a person would have
// written to enforce them.
const (
	GroupTable = "security_group"
	ACLTable   = "network_acl"
	natTable   = "nat"
	sinkTable  = "sink"
)

// A Related says which ICMP errors about a known flow are accepted without a rule. According to
// AWS's documentation they were until January 2022, and are not since (EC2 user guide, "Network
// MTU").
type Related string

// The choices.
const (
	RelatedOff  Related = ""      // none
	RelatedPMTU Related = "pmtud" // "fragmentation needed" and "packet too big", which path MTU discovery needs
	RelatedAll  Related = "all"
)

// A Host is what a host enforces.
type Host struct {
	Account *sg.Account
	Groups  []*sg.Group // that the host has
	Model   Model       // nil stands for [Default]
	// Number returns the number of a rule: what the rule writes into the mark of each packet that it
	// accepts, and of the connection that the packet begins. It is never 0. If Number is nil, the
	// rules have the numbers from 1 on, in order.
	Number func(*sg.Group, sg.Rule) uint32
	ACL    *sg.ACL // its network ACL, or nil
	// AlwaysTracked is whether every flow is tracked. Otherwise the rules decide on each packet of those
	// that EC2 does not track, for as long as conntrack has their entry.
	AlwaysTracked bool
	// WasUntracked is whether there may be entries of such flows although no flow begins like that now.
	WasUntracked bool
	Related      Related
	// Guarded is whether loopback traffic is checked against the rules too. EC2's groups guard the
	// network interface, and a host's traffic to itself does not pass it.
	Guarded bool
	// Forwards is whether the rules decide about what passes through the host; otherwise all of that
	// is dropped. Rules have smaller numbers then ([packet.MostForwarding]), and every flow is tracked.
	Forwards bool
	// SourceDestCheck is whether a host that forwards drops what is neither from nor to itself before
	// its rules see it, as EC2 does unless that is switched off. A host that replaces addresses
	// (NAT) is an end of what passes through it.
	SourceDestCheck bool
	// Masquerades is whether the host replaces the source of what it forwards by its own address, as a
	// NAT instance does.
	Masquerades bool
	// Resets is whether the host answers a segment of no connection that it knows with a reset, as
	// EC2's NAT gateways do.
	Resets bool
	// Sinks is whether every packet that the groups accept is dropped right after them. The groups
	// still decide about it and the trace shows their verdict, but it reaches no program and leaves no
	// conntrack entry: an entry is created only when a packet has passed the last hook (nf_confirm in
	// net/netfilter/nf_conntrack_core.c).
	Sinks bool
}

// Compile returns the tables of a host. Those of its groups have the union of the groups' rules. A
// prefix list or a group as peer becomes a named set for each version of IP that it has addresses
// of, so a change of membership changes the set and no rule. Compile leaves out sources that cannot
// be enforced; [sg.Account.Audit] lists them. The error is that a mark cannot hold the number of a
// rule.
func Compile(h Host) ([]ruleset.Table, error) {
	c := compiler{Host: h, rules: map[packet.Direction][]rule{}, untracked: h.untracked()}
	c.compileGroups()
	if err := c.checkNumbers(); err != nil {
		return nil, err
	}
	var tables []ruleset.Table
	if h.ACL != nil {
		tables = append(tables, c.aclTable())
	}
	tables = append(tables, c.groupTable())
	if h.Masquerades {
		tables = append(tables, masquerading())
	}
	if h.Sinks {
		tables = append(tables, sink())
	}
	return tables, nil
}

// model returns the host's enforcement model.
func (h Host) model() Model {
	if h.Model == nil {
		return Default()
	}
	return h.Model
}

// untracked returns the flows that EC2 would not track.
func (h Host) untracked() []sg.Untracked {
	if h.AlwaysTracked || !h.model().Traits().Untracks {
		return nil
	}
	return sg.UntrackedBy(h.Groups)
}

// MarksUntracked reports whether the host marks entries of flows that EC2 does not track.
func (h Host) MarksUntracked() bool { return len(h.untracked()) > 0 }

// A compiler has what several tables or chains of a host consist of.
type compiler struct {
	Host
	rules     map[packet.Direction][]rule
	sets      []ruleset.Set
	untracked []sg.Untracked
	exempt    []ruleset.Rule // outbound: what no group filters
}

// directions are the directions in the order of the chains.
func directions() []packet.Direction { return []packet.Direction{packet.Ingress, packet.Egress} }

func hook(d packet.Direction) ruleset.Hook {
	if d == packet.Ingress {
		return ruleset.Input
	}
	return ruleset.Output
}

// checkNumbers returns an error if a mark cannot hold the number of a rule.
func (c *compiler) checkNumbers() error {
	if !c.Forwards {
		return nil
	}
	for _, d := range directions() {
		for _, r := range c.rules[d] {
			if r.number > packet.MostForwarding {
				return say.Errorf("rule %s is number %d: where a host forwards, an entry can name numbers up to %d", r.ID, r.number, packet.MostForwarding)
			}
		}
	}
	return nil
}

// masquerading returns the table of a host that masquerades.
func masquerading() ruleset.Table {
	return ruleset.Table{Name: natTable, Chains: []ruleset.Chain{{
		Name: "postrouting", NAT: true, Hook: ruleset.Postrouting, Priority: 100,
		Rules: []ruleset.Rule{{Statements: []ruleset.Statement{ruleset.Interface{Direction: packet.Egress, Name: guarded}, ruleset.Masquerade{}}}},
	}}}
}

// sink returns a table that drops what the groups accept.
func sink() ruleset.Table {
	t := ruleset.Table{Name: sinkTable}
	for _, d := range directions() {
		t.Chains = append(t.Chains, ruleset.Chain{Name: string(d), Hook: hook(d), Priority: 1, Policy: ruleset.Drop})
	}
	t.Chains = append(t.Chains, ruleset.Chain{Name: "forward", Hook: ruleset.Forward, Priority: departure + 1, Policy: ruleset.Drop})
	return t
}
