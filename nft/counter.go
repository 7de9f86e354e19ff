package nft

import (
	"slices"

	"lablab/nft/ruleset"
	"lablab/packet"
)

// A Counter is how often a rule has matched, as counted by the kernel.
type Counter struct {
	Direction packet.Direction
	Forwarded bool // whether the rule is for packets that the host forwards
	By        packet.By
	// Admits is whether the rule decides to accept packets, rather than to drop or only to pass them.
	Admits  bool
	ID      string // the rule's comment
	Packets uint64
	Bytes   uint64 // counted from the network header on
}

// Counters returns the counters of the tables' rules, in the order of the rules, as [Firewall.Live]
// has read them.
func Counters(tables []ruleset.Table) (counters []Counter) {
	for _, t := range tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if n := counter(r); n >= 0 && r.Statements[n].(ruleset.Counter).Read {
					value := r.Statements[n].(ruleset.Counter)
					counters = append(counters, Counter{
						Direction: c.Decides.Direction, Forwarded: c.Decides.Forwarded, By: r.By, Admits: r.Accepts() && r.By != packet.By{},
						ID: r.Comment, Packets: value.Packets, Bytes: value.Bytes,
					})
				}
			}
		}
	}
	return counters
}

// counter returns which statement of a rule counts, or -1.
func counter(r ruleset.Rule) int {
	return slices.IndexFunc(r.Statements, func(s ruleset.Statement) bool { _, counts := s.(ruleset.Counter); return counts })
}

// counts reports whether a rule of the chain has a counter.
func counts(c ruleset.Chain) bool {
	return slices.ContainsFunc(c.Rules, func(r ruleset.Rule) bool { return counter(r) >= 0 })
}

// A listed is what the kernel lists of a rule, as far as it is needed.
type listed struct {
	site
	handle         uint64
	comment        string
	counts         bool   // it has a counter
	packets, bytes uint64 // of that
	rejects        bool
	next           string // the chain to which it sends packets, or ""
}

// read returns the chain with the values of its counters. Rules that another process has added are
// left out, and those that it has deleted have no values.
func read(c ruleset.Chain, rules []listed) ruleset.Chain {
	c.Rules = slices.Clone(c.Rules)
	next := 0
	for _, l := range rules {
		ahead := slices.IndexFunc(c.Rules[next:], func(r ruleset.Rule) bool { return r.Comment == l.comment })
		if ahead < 0 {
			continue
		}
		r := &c.Rules[next+ahead]
		if n := counter(*r); n >= 0 {
			r.Statements = slices.Clone(r.Statements)
			r.Statements[n] = ruleset.Counter{Read: true, Packets: l.packets, Bytes: l.bytes}
		}
		next += ahead + 1
	}
	return c
}
