package report

import (
	"lablab/packet"
	"lablab/say"
)

// lessons are what a run can show, each with the packets that first show it.
type lessons struct {
	outlived  *Moment // packets were accepted as established although the rule that admitted the flow was gone
	refused   *Moment // new packets were dropped
	untracked *Moment // an untracked flow ended with its rule
	stateless *Moment // a network ACL dropped packets of a tracked flow
	forgotten *Moment // a flow that was established was new again
	same      *Moment // a stream continued in the entry of an earlier one
	member    *Moment // packets were accepted although their sender had left the group that the rule names
	errors    *Moment // an ICMP error about a flow was dropped
	silent    *Moment // a host that may start no flow answered
}

// conclusion returns what the run has shown.
func (b *builder) conclusion() Paragraph {
	var l lessons
	for i := range b.Streams {
		b.lessons(&l, &b.Streams[i])
	}
	moral := Paragraph{Subject: say.F("In short")}
	if l.outlived != nil && l.refused != nil {
		moral.say(l.outlived, "The rules decide on the first packet of a flow. Its conntrack entry decides on all the others.")
		moral.say(l.refused, "So revoking a rule blocks new flows but does not end those it has admitted. That is what makes the firewall stateful.")
	}
	for _, lesson := range []struct {
		shown    *Moment
		sentence say.Sentence
	}{
		{l.forgotten, say.F("Once an entry is gone, the next packet is NEW and only the rules decide.")},
		{l.same, say.F("conntrack identifies a flow by its addresses and ports or ICMP id, not by the program that sends it.")},
		{l.untracked, say.F("An untracked flow has no entry to live on: each packet needs a rule, so the flow ends with its rule. EC2 does not track TCP and UDP flows that are open to the world both ways.")},
		{l.silent, say.F("A reply belongs to an admitted flow and needs no rule of its own. A flow that the host starts does.")},
		{l.member, say.F("A group as a source means its members when a flow starts. A member that leaves keeps the flows already admitted.")},
		{l.errors, say.F("An ICMP error about a flow is not part of the flow: without a rule for it, the sender never finds out.")},
		{l.stateless, say.F("A network ACL checks every packet in both directions, whatever conntrack knows.")},
	} {
		if lesson.shown != nil {
			moral.say(lesson.shown, "%s", lesson.sentence)
		}
	}
	return moral
}

// lessons records what one stream shows.
func (b *builder) lessons(l *lessons, s *Stream) {
	t := &explainer{builder: b, stream: s}
	var was packet.State
	for i, r := range t.at(s.To, packet.Ingress, "request") {
		accepted := r.Verdict == "accept"
		acl := r.Kind == packet.ByACL
		// Without its rule, an untracked flow is NEW to conntrack (UDP) or INVALID (TCP).
		t.learn(&l.untracked, was == "untracked" && !accepted && !acl, r)
		switch {
		case acl && r.State == "established":
			t.learn(&l.stateless, true, r)
		case acl:
		case r.State == "new" && accepted:
			t.admitted = r.Number
		case r.State == "new":
			t.learn(&l.refused, true, r)
			t.learn(&l.forgotten, was == "established", r)
		case r.State == "established":
			t.learn(&l.same, i == 0, r)
			if rule := b.rule(t.admitted); rule != nil {
				since, _, _ := b.gone(rule, r.Host)
				left := b.left[membership{s.From, rule.PeerText()}]
				t.learnFrom(&l.member, left, r)
				t.learnFrom(&l.outlived, since, r)
			}
		case r.State == "untracked" && accepted:
			t.admitted = r.Number
		}
		was = r.State
	}
	for i := range b.Streams {
		if other := &b.Streams[i]; l.silent == nil && other.To == s.From && other.Received > 0 && s.Received == 0 && s.keptIn() {
			l.silent = s.moment(s.Packets[0].Seq, s.Packets[len(s.Packets)-1].Seq)
		}
	}
	for _, r := range append(t.at(s.To, packet.Egress, "reply"), t.at(s.From, packet.Ingress, "reply")...) {
		t.learn(&l.errors, r.State == "related" && r.Verdict == "drop", r)
		t.learn(&l.stateless, r.Verdict == "drop" && r.Kind == packet.ByACL && r.State == "established", r)
	}
}

// learn records a lesson the first time that packets show it.
func (t *explainer) learn(lesson **Moment, shown bool, r VerdictRange) {
	if shown && *lesson == nil {
		*lesson = t.of(r)
	}
}

// learnFrom records a lesson that packets show from an instant on, if there is one.
func (t *explainer) learnFrom(lesson **Moment, since instant, r VerdictRange) {
	if !since.happened() {
		return
	}
	if r.First = t.firstIn(r, since); r.First > 0 {
		t.learn(lesson, true, r)
	}
}

// keptIn reports whether the sender's own rules dropped all packets of a stream.
func (s *Stream) keptIn() bool {
	kept := 0
	for _, v := range s.Verdicts {
		if v.Host == s.From && v.Direction == packet.Egress && v.Packet == "request" && v.Verdict == "drop" {
			kept += v.Last - v.First + 1
		}
	}
	return s.Sent > 0 && kept == s.Sent
}
