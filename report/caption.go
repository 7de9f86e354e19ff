package report

import (
	"fmt"
	"slices"
	"strings"

	"lablab/flow"
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
	"lablab/timeline"
)

func plainly(format string, args ...any) subtitle { return subtitle{Words: say.F(format, args...)} }

func accepting(format string, args ...any) subtitle {
	return subtitle{Words: say.F(format, args...), Tone: accept}
}

// ending says what ends the way of packets.
func ending(format string, args ...any) subtitle {
	return subtitle{Words: say.F(format, args...), Tone: drop}
}

func dropping(format string, args ...any) subtitle {
	return subtitle{Words: say.F(format, args...), Tone: drop, Decides: true}
}

// changed says what a change of the lab means for later packets; nothing if it means nothing.
func (n *Narrator) changed(e timeline.Body) subtitle {
	switch body := e.(type) {
	case timeline.RuleRevoked:
		return ending("Rule %s (%s) is revoked. The conntrack entries stay.", body.ID, body.Rule.String())
	case timeline.RuleAuthorized:
		return accepting("Rule %s (%s) is authorized. It is checked for packets that no conntrack entry accepts.", body.ID, body.Rule.String())
	case timeline.GroupsChanged:
		return n.regrouped(body)
	case timeline.ACLChanged:
		if body.ACL == nil {
			return plainly("%s no longer has a network ACL.", body.Host)
		}
		return plainly("%s now has a network ACL. It is stateless: it checks every packet.", body.Host)
	case timeline.PrefixListChanged:
		if len(body.Entries) == 0 {
			return plainly("Prefix list %s is now empty. Remembered flows stay.", body.PrefixList)
		}
		return plainly("Prefix list %s is now %s. Remembered flows stay.", body.PrefixList, say.Names(", ", texts(body.Entries)...))
	case timeline.Cut:
		if body.Why == timeline.CutUntracked {
			return ending("%s forgets an entry: such flows are no longer tracked there.", body.Host)
		}
		return ending("An entry is deleted on %s. The next packet of the flow will count as new.", body.Host)
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
	if groups := n.policy.host(now.Host).groups; len(groups) > 1 {
		for _, group := range groups[len(groups)-2].groups {
			if !slices.Contains(now.Groups, group) {
				left = append(left, group)
			}
		}
	}
	if len(left) == 0 {
		return subtitle{Words: is}
	}
	return plainly("%s The rules of group %s no longer apply; remembered flows stay.", is, strings.Join(left, ", "))
}

// entry says that an entry came or went, and why; nothing if lablab deleted it.
func (n *Narrator) entry(at when, e timeline.EntryChanged) subtitle {
	l := n.lives.before(at, e.Host, e.Entry.Orig)
	switch {
	case l == nil || l.id != e.Entry.ID:
		return subtitle{}
	case e.Change == flow.New && l.creator.happened():
		return subtitle{} // the packet that created it has one
	case e.Change == flow.New:
		if rule := n.policy.numbers[e.Entry.Mark]; rule != nil {
			return accepting("%s remembers a new flow, %s, admitted by rule %s.", e.Host, e.Entry.Orig, rule.ID)
		}
		return accepting("%s remembers a new flow, %s, admitted by no rule.", e.Host, e.Entry.Orig)
	case e.Change != flow.Destroy && e.Entry.Untracked && l.cut.seq == at.seq:
		return ending("%s forgets an entry: such flows are no longer tracked there.", e.Host)
	case e.Change != flow.Destroy:
		return subtitle{}
	}
	switch l.end() {
	case claims.TimedOut:
		return plainly("An entry has timed out and is forgotten.")
	case claims.Closing:
		return plainly("A connection is closed: %s forgets its entry.", e.Host)
	case claims.Deleted:
		return plainly("Another program has deleted an entry on %s. The next packet of the flow will count as new.", e.Host)
	case claims.Unknown:
		return plainly("%s has forgotten an entry.", e.Host)
	}
	return subtitle{}
}

// verdict says why a host accepted or dropped a packet.
func (n *Narrator) verdict(at when, v timeline.Judged) subtitle {
	entry := n.lives.of(v.Host, v.Packet.Key()).carrier(at, v.State)
	name, state := n.name(at, v, entry), strings.ToUpper(string(v.State))
	if !v.Accepted {
		return n.dropped(at, v, name)
	}
	switch {
	case v.State == packet.Related:
		return related(v, name)
	case v.State == packet.Established && v.Kind == packet.ByEstablished:
		return n.remembered(at, v, name, entry)
	case v.State == packet.New && v.Kind == packet.ByGroup:
		return n.admitted(at, v, name, entry)
	case v.State == packet.Untracked && v.Kind == packet.ByGroup:
		return accepting("%s is UNTRACKED: %s keeps no entry of such a flow. Rule %s matches: accepted.", name, v.Host, v.ID)
	}
	return accepting("%s is %s to %s: accepted by %s.", name, state, v.Host, v.ID)
}

// dropped says why a host dropped a packet.
func (n *Narrator) dropped(at when, v timeline.Judged, name say.Sentence) subtitle {
	state := strings.ToUpper(string(v.State))
	switch {
	case v.Kind == packet.ByACL:
		return dropping("%s is %s, but the network ACL of %s is stateless and drops it.", name, state, v.Host)
	case v.Direction == packet.Egress:
		return dropping("%s does not leave %s: no outbound rule matches, so it is dropped.", name, v.Host)
	case v.State == packet.Related:
		return dropping("%s is RELATED, not ESTABLISHED, and no rule of %s matches: dropped.", name, v.Host)
	case v.State == packet.Invalid:
		return n.invalid(at, v, name)
	case v.State == packet.Untracked && v.Kind == packet.ByDefault:
		return dropping("%s is UNTRACKED to %s, and no rule matches: dropped.", name, v.Host)
	case v.State == packet.New:
		return n.notAdmitted(at, v, name)
	}
	return dropping("%s is %s to %s: dropped by %s.", name, state, v.Host, v.ID)
}

// related says what an ICMP error about a flow that has an entry brings.
func related(v timeline.Judged, name say.Sentence) subtitle {
	s := accepting("%s is RELATED to a flow that %s remembers: accepted by %s.", name, v.Host, v.ID)
	if portClosed(v.Packet) {
		s = accepting("%s is RELATED. Rule %s allows it in to %s, so the sender learns that the port is closed.", name, v.ID, v.Host)
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
func (n *Narrator) remembered(at when, v timeline.Judged, name say.Sentence, entry *life) subtitle {
	said := say.F("%s is ESTABLISHED: %s remembers this flow and accepts it without checking the rules.", name, v.Host)
	if entry == nil {
		return subtitle{Words: said, Tone: accept}
	}
	for _, gap := range n.policy.lapsed(entry, entry.admittedBy(at.seq)) {
		switch c := gap.from; {
		case c.seq > at.seq || gap.to.happened() && gap.to.seq <= at.seq:
		case c.cause == peerLeft:
			return accepting("%s %s has left group %s, so rule %s no longer matches. The memory stays.", said, c.host, c.group, c.rule.ID)
		case c.cause == peerUnlisted:
			return accepting("%s Prefix list %s no longer has %s, so rule %s no longer matches. The memory stays.", said, c.group, c.entry, c.rule.ID)
		case c.cause == hostLeft:
			return accepting("%s %s has left group %s, whose rule %s admitted the flow. The memory stays.", said, c.host, c.group, c.rule.ID)
		default:
			return accepting("%s Rule %s, which admitted the flow, is gone. The memory is not.", said, c.rule.ID)
		}
	}
	return subtitle{Words: said, Tone: accept}
}

// admitted says that a rule accepted a packet, and whether its flow had an entry already.
func (n *Narrator) admitted(at when, v timeline.Judged, name say.Sentence, entry *life) subtitle {
	if entry != nil && entry.creator.seq != at.seq && entry.born.seq < at.seq {
		return accepting("%s is NEW to %s: nothing has come back yet, so the rules are checked again. Rule %s matches: accepted.", name, v.Host, v.ID)
	}
	said := say.F("%s is NEW to %s, which does not remember this flow and checks its rules.", name, v.Host)
	switch c, _ := n.policy.opened(when{}, at, v); c.cause {
	case hostJoined, peerJoined:
		return accepting("%s %s has joined group %s, so rule %s matches: accepted, and remembered.", said, c.host, c.group, v.ID)
	case peerListed:
		return accepting("%s Prefix list %s has got %s, so rule %s matches: accepted, and remembered.", said, c.group, c.entry, v.ID)
	}
	return accepting("%s Rule %s matches: accepted, and remembered.", said, v.ID)
}

// notAdmitted says that no rule accepted a packet, and since when.
func (n *Narrator) notAdmitted(at when, v timeline.Judged, name say.Sentence) subtitle {
	c, found := n.policy.closed(at, v)
	switch {
	case !found:
		return dropping("%s is NEW to %s and no rule matches: dropped.", name, v.Host)
	case c.cause == peerLeft:
		return dropping("%s is NEW to %s. %s has left group %s, so rule %s no longer matches: dropped.", name, v.Host, c.host, c.group, c.rule.ID)
	case c.cause == peerUnlisted:
		return dropping("%s is NEW to %s. Prefix list %s no longer has %s, so rule %s no longer matches: dropped.", name, v.Host, c.group, c.entry, c.rule.ID)
	case c.cause == hostLeft:
		return dropping("%s is NEW to %s, which has left group %s: no rule matches any more. Dropped.", name, v.Host, c.group)
	}
	return dropping("%s is NEW to %s. Rule %s is gone and no other rule matches: dropped.", name, v.Host, c.rule.ID)
}

// invalid says why a packet that conntrack cannot assign to a flow was dropped.
func (n *Narrator) invalid(at when, v timeline.Judged, name say.Sentence) subtitle {
	l := n.lives.before(at, v.Host, v.Packet.Key())
	switch {
	case l != nil && l.livedAt(at):
		return dropping("%s is INVALID to %s: it does not fit the connection of its entry. Dropped.", name, v.Host)
	case v.Packet.TCPFlags&(packet.SYN|packet.RST) == 0 && !n.lives.mayHaveMissed(at, v.Host) && !n.policy.looseAt(at):
		return dropping("%s is INVALID to %s: it has no entry and does not start a connection. Dropped.", name, v.Host)
	}
	return dropping("%s is INVALID to %s and no rule matches: dropped.", name, v.Host)
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
