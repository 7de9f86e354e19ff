package report

import (
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
)

// lessons are what a run can show.
type lessons struct {
	revoked   lesson // packets were accepted as established although the rule that admitted the flow was revoked
	removed   lesson // or its group was removed from the host
	dropped   lesson // new packets were dropped
	untracked lesson // an untracked flow ended with its rule
	stateless lesson // a network ACL dropped packets of a tracked flow
	forgotten lesson // a flow that was established was new again
	same      lesson // a stream continued in the entry of an earlier one
	unreplied lesson // a flow with an entry needed a rule for each packet
	member    lesson // packets were accepted although their sender had left the group that the rule names
	errors    lesson // an ICMP error about a flow was dropped
	silent    lesson // a host that may start no flow answered
	forwarded lesson // rules of a host that forwards decided about packets
	rechecked lesson // packets of a known flow were dropped, as no rule allowed them
	checked   lesson // a source/destination check dropped packets
}

// A lesson is the packets that first show something, and what was said about them.
type lesson struct {
	at     *Moment
	claims []claims.Claim
}

// learn records what shows a lesson, the first time.
func (l *lesson) learn(at *Moment, shown ...claims.Claim) {
	if l.at == nil {
		l.at, l.claims = at, shown
	}
}

// conclusion returns what the run has shown.
func (l *lessons) conclusion() Paragraph {
	conclusion := Paragraph{Subject: say.F("In short"), Lessons: true}
	add := func(l lesson, s say.Sentence) {
		if l.at != nil {
			conclusion.say(l.at, "%s", phrase{s, l.claims})
		}
	}
	first := say.F("The rules decide on the first packet of a flow. Its conntrack entry decides on all the others.")
	switch {
	case l.dropped.at == nil:
	case l.revoked.at != nil:
		add(l.revoked, first)
		add(l.dropped, say.F("So revoking a rule blocks new flows but does not end those it has admitted. That is what makes the firewall stateful."))
	case l.removed.at != nil:
		add(l.removed, first)
		add(l.dropped, say.F("So removing a group blocks new flows but does not end those that its rules have admitted. That is what makes the firewall stateful."))
	}
	add(l.forgotten, say.F("Once an entry is gone, the next packet is NEW and only the rules decide."))
	add(l.rechecked, say.F("Here, an entry does not protect a flow from a change of the rules: the rules decide about its packets, too."))
	add(l.same, say.F("conntrack identifies a flow by its addresses and ports or ICMP id, not by the program that sends it."))
	add(l.unreplied, say.F("An entry accepts packets by itself only once it has seen a reply. Until then, every packet is NEW and needs a rule."))
	add(l.untracked, say.F("An untracked flow has no entry to live on: each packet needs a rule, so the flow ends with its rule. EC2 does not track TCP and UDP flows that are open to the world both ways."))
	add(l.silent, say.F("A reply belongs to an admitted flow and needs no rule of its own. A flow that the host starts does."))
	add(l.member, say.F("A group as a source means its members when a flow starts. A member that leaves keeps the flows already admitted."))
	add(l.errors, say.F("An ICMP error about a flow is not part of the flow: without a rule for it, the sender never finds out."))
	add(l.forwarded, say.F("A group guards what passes through a host too: an inbound rule must allow it to arrive, and an outbound rule to leave."))
	add(l.checked, say.F("EC2 drops what is neither from nor for a host, whatever its rules say, unless its source/destination check is switched off."))
	add(l.stateless, say.F("A network ACL checks every packet in both directions, whatever conntrack knows."))
	return conclusion
}

// learnSilent looks for a host that answered although its own rules allow nothing outbound.
func (b *Builder) learnSilent(l *lessons) {
	for i := range b.streams {
		s := &b.streams[i]
		dropped := s.droppedAtSource()
		for j := range b.streams {
			if other := &b.streams[j]; dropped && s.Received == 0 && other.To == s.From && other.Received > 0 {
				l.silent.learn(s.moment(s.Packets[0].Seq, s.Packets[len(s.Packets)-1].Seq))
			}
		}
	}
}

// droppedAtSource reports whether the sender's own rules dropped all packets of a stream.
func (s *Stream) droppedAtSource() bool {
	dropped := 0
	for _, v := range s.Verdicts {
		if v.Host == s.From && v.Direction == packet.Egress && v.Packet == "request" && v.Verdict == "drop" && v.State != packet.Established {
			dropped += v.Last - v.First + 1
		}
	}
	return s.Sent > 0 && dropped == s.Sent
}
