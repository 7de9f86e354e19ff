package report

import (
	"strings"

	"lablab/sg"
)

// lessons are what a run can show.
type lessons struct {
	outlived  bool // packets passed as established although the rule that let the flow in was gone
	refused   bool // new packets were dropped
	untracked bool // a flow that conntrack was kept from ended with its rule
	stateless bool // a network ACL dropped what conntrack knew
	forgotten bool // a flow that was established was new again
	same      bool // a stream went on in the entry of an earlier one
	member    bool // packets passed although their sender had left the group that the rule is about
	errors    bool // an ICMP error about a flow was dropped
	silent    bool // a host that may begin nothing answered
}

// moral is the point of it all, as far as this run has made it.
func (b *builder) moral() []string {
	var l lessons
	for i := range b.Streams {
		b.learn(&l, &b.Streams[i])
	}
	var sentences []string
	if l.outlived && l.refused {
		sentences = append(sentences,
			"A rule decides about the first packet of a flow. The conntrack entry which that packet leaves decides about all the others.",
			"So revoking a rule keeps new flows out and does not end those that it has let in. That is what makes the firewall stateful.")
	}
	for _, lesson := range []struct {
		shown    bool
		sentence string
	}{
		{l.forgotten, "What conntrack has forgotten is new again: then only the rules count."},
		{l.same, "What makes packets one flow is what conntrack tells flows apart by, addresses and ports or the ICMP id, and not the program that sends them."},
		{l.untracked, "A flow that is not tracked has no entry to live on. Each of its packets needs a rule, so it ends with its rule. EC2 does not track TCP and UDP that are open to the world both ways."},
		{l.silent, "A reply belongs to a flow that was let in, and needs no rule of its own. What a host begins itself does."},
		{l.member, "A group as a source means whoever carries it when a flow begins. Who leaves it later keeps the flows that it has let in."},
		{l.errors, "An ICMP error about a flow is not the flow: it needs a rule, or the sender never hears of it."},
		{l.stateless, "A network ACL is asked about every packet, there and back, whatever conntrack knows."},
	} {
		if lesson.shown {
			sentences = append(sentences, lesson.sentence)
		}
	}
	return sentences
}

// learn notes what one stream shows.
func (b *builder) learn(l *lessons, s *Stream) {
	t := &teller{builder: b, stream: s}
	was := ""
	for i, r := range t.at(s.To, sg.Ingress, "request") {
		accepted := r.Verdict == "accept"
		acl := strings.HasPrefix(r.Rule, "acl-")
		switch {
		case acl && r.State == "established":
			l.stateless = true
		case acl:
		case r.State == "new" && accepted:
			t.admitted = r.Number
		case r.State == "new":
			l.refused = true
			l.forgotten = l.forgotten || was == "established"
		case r.State == "established":
			l.same = l.same || i == 0
			if rule := b.rule(t.admitted); rule != nil {
				experiment, _, _ := b.gone(rule, r.Host)
				left := b.left[membership{s.From, rule.peer()}]
				l.member = l.member || left > 0 && t.firstIn(r, left) > 0
				l.outlived = l.outlived || experiment > 0 && t.firstIn(r, experiment) > 0
			}
		case r.State == "untracked" && accepted:
			t.admitted = r.Number
		}
		// Without its rule a flow that was not tracked is new to conntrack (UDP), or invalid (TCP).
		l.untracked = l.untracked || was == "untracked" && !accepted && !acl
		was = r.State
	}
	for i := range b.Streams {
		l.silent = l.silent || b.Streams[i].To == s.From && b.Streams[i].Received > 0 && s.Received == 0 && s.keptIn()
	}
	for _, r := range append(t.at(s.To, sg.Egress, "reply"), t.at(s.From, sg.Ingress, "reply")...) {
		l.errors = l.errors || r.State == "related" && r.Verdict == "drop"
		l.stateless = l.stateless || r.Verdict == "drop" && strings.HasPrefix(r.Rule, "acl-") && r.State == "established"
	}
}

// keptIn reports whether all packets of a stream were dropped by the rules of their own host.
func (s *Stream) keptIn() bool {
	kept := 0
	for _, v := range s.Verdicts {
		if v.Host == s.From && v.Direction == sg.Egress && v.Packet == "request" && v.Verdict == "drop" {
			kept += v.Last - v.First + 1
		}
	}
	return s.Sent > 0 && kept == s.Sent
}

// peer is who the rule is about, as it is written last.
func (r *Rule) peer() string { return r.Text[strings.LastIndex(r.Text, " ")+1:] }
