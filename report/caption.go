package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lablab/flow"
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
	"lablab/timeline"
)

func plainly(format string, args ...any) subtitle { return subtitle{}.saying(format, args...) }

func accepting(format string, args ...any) subtitle {
	return subtitle{Tone: accept}.saying(format, args...)
}

// ending says what ends the way of packets.
func ending(format string, args ...any) subtitle {
	return subtitle{Tone: drop}.saying(format, args...)
}

func dropping(format string, args ...any) subtitle {
	return subtitle{Tone: drop, Decides: true, Waits: true}.saying(format, args...)
}

func (s subtitle) saying(format string, args ...any) subtitle {
	s.Words, s.claims = sentence(format, args...)
	return s
}

// changed says what a change of the lab means for later packets; nothing if it means nothing.
func (n *Narrator) changed(e timeline.Body) subtitle {
	switch body := e.(type) {
	case timeline.RuleRevoked:
		if n.models.deletes(body.Hosts...) {
			return ending("Rule %q (%s) is revoked.", body.ID, body.Rule.String())
		}
		return ending("Rule %q (%s) is revoked. The conntrack entries stay.", body.ID, body.Rule.String())
	case timeline.RuleAuthorized:
		return accepting("Rule %q (%s) is authorized.\nIt is checked for packets that no conntrack entry accepts.", body.ID, body.Rule.String())
	case timeline.GroupsChanged:
		return n.regrouped(body)
	case timeline.ACLChanged:
		if body.ACL == nil {
			return plainly("%s no longer has a network ACL.", body.Host)
		}
		return plainly("%s now has a network ACL.\nIt is stateless: it checks every packet.", body.Host)
	case timeline.PrefixListChanged:
		if n.models.deletes(slices.Collect(maps.Keys(n.models))...) {
			return plainly("%s.", body.Now())
		}
		if len(body.Entries) == 0 {
			return plainly("Prefix list %s is now empty. Remembered flows stay.", body.PrefixList)
		}
		return plainly("Prefix list %s is now %s. Remembered flows stay.", body.PrefixList, say.Names(", ", texts(body.Entries)...))
	case timeline.Cut:
		switch body.Why {
		case timeline.CutUntracked:
			return ending("%s forgets an entry: such flows are no longer tracked there.", body.Host)
		case timeline.CutChanged:
			return ending("The rules have changed, so %s deletes an entry.\nThe next packet of the flow will count as new.", body.Host)
		case timeline.CutUnmarked:
			return ending("A flow loses its mark on %s: no rule has admitted it any more.", body.Host)
		}
		return ending("An entry is deleted on %s.\nThe next packet of the flow will count as new.", body.Host)
	case timeline.Forged:
		return plainly("%s sends a packet whose source, %s, is not its own address.", body.Host, body.Packet.Source)
	case timeline.Configured:
		return plainly("From now on, conntrack uses other settings.")
	case timeline.StreamStopped:
		if body.Error != "" {
			return plainly("Stream %s failed: %s", body.Stream, body.Why())
		}
		return plainly("Stream %s stops.", body.Stream)
	}
	return subtitle{}
}

// regrouped says which groups a host has now, and which it has left.
func (n *Narrator) regrouped(now timeline.GroupsChanged) subtitle {
	is := say.F("%s is now in no group.", now.Host)
	if len(now.Groups) > 0 {
		is = say.F("%s is now in group %s.", now.Host, strings.Join(now.Groups, ", "))
	}
	var left []string
	var claimed []claims.Claim
	if groups := n.policy.host(now.Host).groups; len(groups) > 1 {
		for _, group := range groups[len(groups)-2].groups {
			if !slices.Contains(now.Groups, group) {
				left = append(left, group)
				claimed = append(claimed, claims.Claim{Kind: claims.Left, Change: n.now.seq, Group: group, Member: now.Host})
			}
		}
	}
	if len(left) == 0 {
		return subtitle{Words: is}
	}
	if n.models.deletes(now.Host) {
		return plainly("%s\nThe rules of group %s no longer apply.", is, phrase{say.As(strings.Join(left, ", ")), claimed})
	}
	return plainly("%s\nThe rules of group %s no longer apply; remembered flows stay.", is, phrase{say.As(strings.Join(left, ", ")), claimed})
}

// entry says that an entry came or went, and why; nothing if lablab deleted it.
func (n *Narrator) entry(at when, e timeline.EntryChanged) subtitle {
	l := n.lives.of(e.Host, e.Entry.Orig).reportedBy(at)
	if l == nil {
		return subtitle{}
	}
	claim := claims.Claim{Event: at.seq, Host: e.Host, Entry: l.ref()}
	switch {
	case e.Change == flow.New && !l.creator.happened(): // else the packet that created it has a subtitle
		claim.Kind, claim.Rule = claims.Appeared, e.Entry.Mark
		host := phrase{say.As(e.Host), []claims.Claim{claim}}
		if rule := n.policy.numbers[e.Entry.Mark]; rule != nil {
			return accepting("%s remembers a new flow, %s, admitted by rule %q.", host, e.Entry.Orig, rule.ID)
		}
		return accepting("%s remembers a new flow, %s, admitted by no rule.", host, e.Entry.Orig)
	case e.Change == flow.Destroy:
		claim.Kind, claim.Ending = claims.Ended, l.end()
		return subtitle{Words: l.ends(), claims: []claims.Claim{claim}}
	case l.dead == at:
		claim.Kind, claim.Ending = claims.Ended, claims.Untracked
		return ending("%s forgets an entry: such flows are no longer tracked there.", phrase{say.As(e.Host), []claims.Claim{claim}})
	}
	return subtitle{}
}

// verdict says why a host accepted or dropped a packet.
func (n *Narrator) verdict(at when, v timeline.Judged) subtitle {
	judged := &verdict{v, at}
	r := run{VerdictRange: rangeOf(judged, v.Seq), first: judged, last: judged, entry: n.lives.of(v.Host, v.Packet.Key()).carrier(at, v.State), alone: true}
	name := phrase{n.name(at, v, r.entry), []claims.Claim{r.decided()}}
	switch {
	case n.byModel(r):
		return n.ofModel(r, name)
	case v.Kind == packet.ByRuleset:
		return ofRuleset(r, name)
	case !v.Accepted:
		return n.dropped(r, name)
	case v.Forwarded && v.Direction == packet.Egress && v.Kind == packet.ByGroup:
		return accepting("%s leaves %s again: outbound rule %q matches.", name, v.Host, v.ID)
	case v.State == packet.Related:
		return related(v, name)
	case v.State == packet.Established && v.Kind == packet.ByEstablished:
		return n.remembered(r, name)
	case v.State == packet.New && v.Kind == packet.ByGroup:
		return n.admitted(r, name)
	case v.State == packet.Untracked && v.Kind == packet.ByGroup:
		return accepting("%s is UNTRACKED: %s keeps no entry for it.\nThe rules decide on every packet. Rule %q matches: accepted.", name, v.Host, v.ID)
	}
	return accepting("%s is %s to %s: accepted by %s.", name, state(r), v.Host, v.ID)
}

// dropped says why a host dropped a packet.
func (n *Narrator) dropped(r run, name phrase) subtitle {
	switch {
	case r.Kind == packet.ByACL:
		return dropping("%s is %s to %s.\nIts network ACL (%s) drops it: a network ACL is stateless.", name, state(r), r.Host, n.byACL(r))
	case r.Kind == packet.ByCheck:
		return dropping("%s is neither from %s nor for it.\nIts source/destination check drops it.", name, r.Host)
	case r.Kind == packet.ByGateway:
		return dropping("%s belongs to no connection that %s knows.\nIt answers with a reset.", name, r.Host)
	case r.Direction == packet.Egress:
		return dropping("%s does not leave %s: dropped.\nNo outbound rule matches.%s", name, r.Host, n.reason(r))
	case r.State == packet.Related:
		return dropping("%s is RELATED, not ESTABLISHED.\nNo rule of %s matches: dropped.", name, r.Host)
	case r.State == packet.Invalid:
		return n.invalid(r, name)
	case r.State == packet.New:
		return dropping("%s is NEW to %s, and no rule matches: dropped.%s", name, r.Host, n.reason(r))
	case r.State == packet.Untracked && r.Kind == packet.ByDefault:
		return dropping("%s is UNTRACKED to %s, and no rule matches: dropped.%s", name, r.Host, n.reason(r))
	}
	return dropping("%s is %s to %s: dropped by %s.", name, state(r), r.Host, r.ID)
}

// related says what an ICMP error about a flow that has an entry brings.
func related(v timeline.Judged, name phrase) subtitle {
	s := accepting("%s is RELATED.\nIt is about a flow that %s remembers: accepted by %s.", name, v.Host, v.ID)
	if portClosed(v.Packet) {
		s = accepting("%s is RELATED.\nRule %q of %s allows it.\nSo the sender learns that the port is closed.", name, v.ID, v.Host)
	}
	s.Decides = true
	return s
}

// portClosed reports whether an ICMP error says that a port is closed (RFC 792, RFC 4443).
func portClosed(h packet.Header) bool {
	return h.Protocol == packet.ICMP && h.ICMPType == 3 && h.ICMPCode == 3 || h.Protocol == packet.ICMPv6 && h.ICMPType == 1 && h.ICMPCode == 4
}

// remembered says that a packet was accepted because its flow has an entry, and what the entry has
// outlived.
func (n *Narrator) remembered(r run, name phrase) subtitle {
	if r.entry != nil {
		name.claims = append(name.claims, r.claim(claims.Claim{Kind: claims.Carried, Entry: r.entry.ref()})...)
	}
	said, claimed := sentence("%s is ESTABLISHED: %s remembers this flow.\nIt is accepted without checking the rules.", name, r.Host)
	if c, has := n.outlived(r); has {
		outlived := r.claimChange(claims.Outlived, c)
		outlived[0].Entry = r.entry.ref()
		waiting := subtitle{Tone: accept, Waits: true}
		return waiting.saying("%s\n(%s%s)\nThe rule that admitted it no longer matches. The memory stays.",
			phrase{said, claimed}, phrase{c.done(), outlived}, n.inExperiment(c.experiment))
	}
	return subtitle{Words: said, Tone: accept, claims: claimed}
}

// outlived returns the change since which the rule that admitted a packet's entry matches no more.
func (n *Narrator) outlived(r run) (change, bool) {
	if r.entry == nil {
		return change{}, false
	}
	at := r.first.seq
	for _, gap := range n.policy.lapsed(r.entry, r.entry.admittedBy(at)) {
		if gap.from.seq <= at && (!gap.to.happened() || gap.to.seq > at) {
			return gap.from, true
		}
	}
	return change{}, false
}

// admitted says that a rule accepted a packet, and whether its flow had an entry already.
func (n *Narrator) admitted(r run, name phrase) subtitle {
	if l := r.entry; l != nil && l.creator.seq != r.first.seq && l.born.seq < r.first.seq {
		name.claims = append(name.claims, r.claim(claims.Claim{Kind: claims.Unreplied, Entry: l.ref()})...)
		return accepting("%s is NEW to %s: nothing has come back yet.\nSo the rules are checked again. Rule %q matches: accepted.", name, r.Host, r.ID)
	}
	name.claims = append(name.claims, r.claim(claims.Claim{Kind: claims.NoEntry})...)
	said, claimed := sentence("%s is NEW to %s:\nit remembers no such flow.", name, r.Host)
	if opened := n.opened(when{}, r, present); !opened.Empty() {
		return accepting("%s\nIt checks its rules. Rule %q matches: accepted, and remembered.\n(%s)", phrase{said, claimed}, r.ID, opened)
	}
	return accepting("%s\nIt checks its rules. Rule %q matches: accepted, and remembered.", phrase{said, claimed}, r.ID)
}

// invalid says why a packet that conntrack cannot assign to a flow was dropped.
func (n *Narrator) invalid(r run, name phrase) subtitle {
	if why := n.whyInvalid(r, present); !why.Empty() {
		return dropping("%s is INVALID, and no rule matches: dropped.\n(%s)%s", name, why, n.reason(r))
	}
	return dropping("%s is INVALID to %s, and no rule matches: dropped.%s", name, r.Host, n.reason(r))
}

// reason says which change closed the way for packets that were dropped, if one did.
func (n *Narrator) reason(r run) phrase {
	c, found := n.policy.closed(r.first.when, r.first.Judged)
	if !found {
		return phrase{}
	}
	return phrase{say.F("\n(%s%s)", c.done(), n.inExperiment(c.experiment)), r.claimChange(claims.Closed, c)}
}

// words says what a host decided; rule is the text of the rule, if one of a group's decided.
func (d decision) words(rule string) say.Sentence {
	state, leaving := strings.ToUpper(string(d.State)), d.Direction == packet.Egress
	switch {
	case !d.Accepted && leaving:
		return say.F("Leaving %s, it was %s: dropped by %s.", d.Host, state, d.ID)
	case !d.Accepted:
		return say.F("Arriving at %s, it was %s: dropped by %s.", d.Host, state, d.ID)
	case d.Kind == packet.ByEstablished && leaving:
		return say.F("Leaving %s, it was %s: conntrack had an entry, so no rule was checked.", d.Host, state)
	case d.Kind == packet.ByEstablished:
		return say.F("Arriving at %s, it was %s: conntrack had an entry, so no rule was checked.", d.Host, state)
	case d.Kind == packet.ByGroup && leaving:
		return say.F("Leaving %s, it was %s: accepted by rule %s (%s).", d.Host, state, d.ID, rule)
	case d.Kind == packet.ByGroup:
		return say.F("Arriving at %s, it was %s: accepted by rule %s (%s).", d.Host, state, d.ID, rule)
	case leaving:
		return say.F("Leaving %s, it was %s: accepted by %s.", d.Host, state, d.ID)
	}
	return say.F("Arriving at %s, it was %s: accepted by %s.", d.Host, state, d.ID)
}

func texts[T fmt.Stringer](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = v.String()
	}
	return all
}
