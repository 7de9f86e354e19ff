package report

import (
	"slices"
	"strings"

	"lablab/flow"
	"lablab/packet"
	"lablab/say"
)

// why explains what the evidence shows, stream by stream. Every sentence rests on a verdict, entry
// or event.
func (b *builder) why() []Paragraph {
	var paragraphs []Paragraph
	for i := range b.Streams {
		s := &b.Streams[i]
		if s.Sent == 0 {
			continue
		}
		t := &explainer{builder: b, stream: s, Paragraph: Paragraph{Subject: say.F("Stream %s (%s)", s.Name, s.What()), Stream: s.Name}}
		t.explain()
		paragraphs = append(paragraphs, t.Paragraph)
	}
	if moral := b.conclusion(); len(moral.Sentences) > 0 {
		paragraphs = append(paragraphs, moral)
	}
	return paragraphs
}

// An explainer tells the story of one stream.
type explainer struct {
	*builder
	Paragraph
	stream   *Stream
	admitted uint32       // the rule that last admitted the flow
	was      packet.State // state of the packets described before
}

func (t *explainer) explain() {
	for _, r := range t.at(t.stream.From, packet.Egress, "request") {
		switch {
		case r.Verdict == "drop" && r.Kind == packet.ByACL:
			t.say(t.of(r), "%s never left %s: its network ACL (%s) dropped %s.", t.packets(r), r.Host, r.ID, them(r))
		case r.Verdict == "drop":
			t.say(t.of(r), "%s never left %s: no outbound rule allows %s, so its own firewall dropped %s.",
				t.packets(r), r.Host, them(r), them(r))
		}
	}
	t.anotherFlow()
	for _, r := range t.at(t.stream.To, packet.Ingress, "request") {
		switch {
		case r.State == "established" && r.Verdict == "accept":
			t.established(r)
		case r.State == "new" && r.Verdict == "accept":
			t.admittedNew(r)
		case r.Kind == packet.ByACL:
			t.say(t.of(r), "%s %s %s to %s, but its network ACL (%s) dropped %s: a network ACL is stateless.", t.packets(r), were(r), strings.ToUpper(string(r.State)), r.Host, r.ID, them(r))
		case r.State == "new" && r.Verdict == "drop":
			t.refusedNew(r)
		case r.State == "untracked" && r.Verdict == "accept":
			if t.was == "established" {
				t.say(t.of(r), "%s's conntrack entry for the flow was deleted, because such flows are no longer tracked there.", r.Host)
			}
			t.say(t.of(r), "%s %s UNTRACKED on %s, which is open to the world for %s both ways: conntrack is bypassed, and rule %q allowed each packet by itself.",
				t.packets(r), were(r), r.Host, them(r), r.ID)
			t.admitted = r.Number
		case r.State == "invalid" && r.Verdict == "drop":
			t.say(t.of(r), "%s %s INVALID to %s: there is no conntrack entry, and conntrack does not pick up connections mid-stream. No rule matched%s, so default deny dropped %s.",
				t.packets(r), were(r), r.Host, t.sinceRevoked(), them(r))
		case r.Verdict == "accept":
			t.say(t.of(r), "%s %s %s to %s and accepted by rule %q.", t.packets(r), were(r), strings.ToUpper(string(r.State)), r.Host, r.ID)
		default:
			t.say(t.of(r), "%s %s %s to %s and dropped by %s.", t.packets(r), were(r), strings.ToUpper(string(r.State)), r.Host, r.ID)
		}
		t.was = r.State
	}
	t.replies()
	t.unproved()
}

// anotherFlow explains why the entry of an earlier stream between the same hosts does not serve
// this one.
func (t *explainer) anotherFlow() {
	for i := range t.Streams {
		other := &t.Streams[i]
		if other.Name == t.stream.Name {
			return
		}
		if other.From != t.stream.From || other.To != t.stream.To || other.Protocol != t.stream.Protocol || other.Port != t.stream.Port {
			continue
		}
		what, told := say.F("ICMP id"), say.F("pings")
		if !t.stream.IsPing() {
			what, told = say.F("source port"), say.F("connections")
		}
		if other.ICMPID != t.stream.ICMPID || other.SourcePort != t.stream.SourcePort {
			t.say(t.outset(), "Hosts and protocol are the same as for stream %s, but the %s differs, and conntrack tells %s apart by that: to conntrack, this is another flow.",
				other.Name, what, told)
		} else {
			t.say(t.outset(), "Hosts, protocol and %s are the same as for stream %s: to conntrack, this is the same flow.", what, other.Name)
		}
		return
	}
}

func (t *explainer) admittedNew(r VerdictRange) {
	rule := t.rule(r.Number)
	t.admitted = r.Number
	switch {
	case t.was == "established":
		t.say(t.of(r), "%s %s NEW again: %s, so the rules were checked again, and rule %q allowed %s.",
			t.packets(r), were(r), t.entryGone(r), r.ID, them(r))
	case t.was == "new" && rule != nil && rule.later && rule.AuthorizedIn == 0:
		t.say(t.of(r), "%s %s NEW too, but by then a rule allowed %s: %q.", t.packets(r), were(r), them(r), r.ID)
	case t.was == "new" && rule != nil && rule.later:
		t.say(t.of(r), "%s %s NEW too, but by then a rule allowed %s: %q, authorized in experiment %d.",
			t.packets(r), were(r), them(r), r.ID, rule.AuthorizedIn)
	case rule != nil:
		t.say(t.of(r), "%s %s NEW to %s: conntrack had no entry, so the rules were checked, and rule %q (%s) allowed %s.",
			t.packets(r), were(r), r.Host, r.ID, rule.Rule, them(r))
	}
}

func (t *explainer) established(r VerdictRange) {
	t.say(t.of(r), "%s %s ESTABLISHED: conntrack had an entry, so %s accepted without checking the security-group rules.",
		t.packets(r), were(r), theyWere(r))
	rule := t.rule(t.admitted)
	if rule == nil {
		return
	}
	since, doing, _ := t.gone(rule, r.Host)
	if first := t.firstIn(r, since); since.happened() && first > 0 {
		after := VerdictRange{First: first, Last: r.Last}
		t.say(t.of(after), "So %s%s changed nothing for %s: the rule that admitted the flow was gone, the conntrack entry was not.",
			doing, inExperiment(since.experiment), seqs(after))
	}
}

func (t *explainer) refusedNew(r VerdictRange) {
	if t.was == "established" {
		t.say(t.of(r), "%s %s NEW again: %s, and no rule matched%s: default deny dropped %s.",
			t.packets(r), were(r), t.entryGone(r), t.sinceRevoked(), them(r))
	} else {
		t.say(t.of(r), "%s %s NEW to %s and no rule matched%s: default deny dropped %s.", t.packets(r), were(r), r.Host, t.sinceRevoked(), them(r))
	}
	there, looked := t.entryAt(r, t.stream.To)
	if there == nil && looked {
		t.say(t.of(r), "%s does not remember what it drops, so every packet was new again.", t.stream.To)
	}
	if here, _ := t.entryAt(r, t.stream.From); here != nil && !slices.Contains(here.Status, "SEEN_REPLY") && here.AdmittedBy != nil {
		t.say(t.of(r), "%s, the sender, kept an UNREPLIED entry, admitted by its outbound rule %q.", t.stream.From, *here.AdmittedBy)
	}
}

// replies describes the way back.
func (t *explainer) replies() {
	var dropped []VerdictRange
	all := append(t.at(t.stream.To, packet.Egress, "reply"), t.at(t.stream.From, packet.Ingress, "reply")...)
	plain := 0 // replies accepted as established, counted at both places
	for _, r := range all {
		if r.State == "established" && r.Kind == packet.ByEstablished {
			plain += r.Last - r.First + 1
		}
		if r.Verdict == "drop" {
			dropped = append(dropped, r)
		}
	}
	if t.stream.Received > 0 && plain == 2*t.stream.Received {
		t.say(t.sum(answered), "Every reply was ESTABLISHED, both leaving %s and arriving at %s: a reply needs no rule.", t.stream.To, t.stream.From)
	}
	for _, r := range dropped {
		if r.State == "related" {
			t.say(t.of(r), "The ICMP error about %s was RELATED to %s and dropped by %s: it is not part of the flow.", seqs(r), r.Host, r.ID)
			continue
		}
		t.say(t.of(r), "The reply to %s was %s to %s and dropped by %s.", seqs(r), strings.ToUpper(string(r.State)), r.Host, r.ID)
	}
}

// unproved lists packets whose fate was not seen.
func (t *explainer) unproved() {
	if t.stream.Stalled > 0 {
		stalled := say.N(t.stream.Stalled, "%d message stalled", "%d messages stalled")
		if again := t.stream.Retransmitted; again > 0 {
			t.say(t.sum(became(Stalled)), "The connection stayed open, but %s in it: the kernel dropped its segments; TCP retransmitted %s, in vain.", stalled, timesWord(again))
		} else {
			t.say(t.sum(became(Stalled)), "The connection stayed open, but %s in it: the kernel dropped its segments.", stalled)
		}
	}
	if t.stream.Belated > 0 {
		t.say(t.sum(belated), "%d of them got through later, once the path was open again: TCP had not given up.", t.stream.Belated)
	}
	if t.stream.Reset > 0 {
		t.say(t.sum(became(Reset)), "For %s the sender was told that the port is closed.", say.N(t.stream.Reset, "%d packet", "%d packets"))
	}
	if t.stream.Lost > 0 {
		t.say(t.sum(became(Lost)), "%s neither answered nor seen dropped: lost beyond the rules, or missed.", say.N(t.stream.Lost, "%d packet was", "%d packets were"))
	}
	if t.stream.Late > 0 {
		t.say(t.sum(became(Late)), "%s more than a second, and counts as answered.", say.N(t.stream.Late, "%d reply took", "%d replies took"))
	}
}

// at returns the ranges at one place on the way.
func (t *explainer) at(host string, d packet.Direction, packet string) []VerdictRange {
	var found []VerdictRange
	for _, r := range t.stream.Verdicts {
		if r.Host == host && r.Direction == d && r.Packet == packet {
			found = append(found, r)
		}
	}
	return found
}

// An instant is a moment in an experiment, in ms since the run began.
type instant struct {
	experiment int
	ms         float64
}

// happened reports whether the instant is set.
func (i instant) happened() bool { return i != instant{} }

// inExperiment says in which experiment something happened; a kept lab has none.
func inExperiment(experiment int) say.Sentence {
	if experiment == 0 {
		return say.Sentence{}
	}
	return say.F(" in experiment %d", experiment)
}

// sinceExperiment says since which experiment something holds; a kept lab has none.
func sinceExperiment(experiment int) say.Sentence {
	if experiment == 0 {
		return say.Sentence{}
	}
	return say.F(" since experiment %d", experiment)
}

// firstIn returns the first packet of r that was sent at that instant or later, or 0.
func (t *explainer) firstIn(r VerdictRange, since instant) int {
	for _, p := range t.stream.Packets {
		if p.Seq >= r.First && p.Seq <= r.Last && p.Experiment >= since.experiment && p.AtMS >= since.ms {
			return p.Seq
		}
	}
	return 0
}

// entryAt returns the stream's conntrack entry at a host when the experiment of r's last packet
// ended, or nil; and whether that host's entries were read then.
func (t *explainer) entryAt(r VerdictRange, host string) (entry *Flow, looked bool) {
	if r.Last > len(t.stream.Packets) {
		return nil, false
	}
	experiment := t.stream.Packets[r.Last-1].Experiment
	for i := range t.Flows {
		f := &t.Flows[i]
		if f.Experiment == experiment && f.Host == host && f.Stream != nil && *f.Stream == t.stream.Name {
			return f, true
		}
	}
	return nil, t.listed[listing{experiment, host}]
}

// entryGone says how conntrack lost a flow, as far as is known.
func (t *explainer) entryGone(r VerdictRange) say.Sentence {
	gone := say.F("%s's conntrack entry was gone", r.Host)
	if r.First > len(t.stream.Packets) {
		return gone
	}
	for _, e := range t.Events {
		if e.AtMS > t.stream.Packets[r.First-1].AtMS+ms(patience) {
			break // the event that destroyed the entry comes before the packet, or soon after
		}
		if e.Host == r.Host && e.Event == flow.Destroy && e.Stream != nil && *e.Stream == t.stream.Name && e.Experiment <= t.stream.Packets[r.First-1].Experiment {
			gone = say.F("%s's conntrack entry had been deleted%s", r.Host, inExperiment(e.Experiment))
		}
	}
	return gone
}

// sinceRevoked names the rule that would have matched, if it was revoked.
func (t *explainer) sinceRevoked() say.Sentence {
	rule := t.rule(t.admitted)
	if rule == nil {
		return say.Sentence{}
	}
	if since, _, done := t.gone(rule, t.stream.To); since.happened() {
		return say.F(" any more (%s%s)", done, inExperiment(since.experiment))
	}
	return say.Sentence{}
}

func (t *explainer) packets(r VerdictRange) say.Sentence {
	if r.First == r.Last {
		return say.F("Packet %d", r.First)
	}
	return say.F("Packets %d–%d", r.First, r.Last)
}

func seqs(r VerdictRange) say.Sentence {
	if r.First == r.Last {
		return say.F("packet %d", r.First)
	}
	return say.F("packets %d–%d", r.First, r.Last)
}

func were(r VerdictRange) say.Agreement {
	if r.First == r.Last {
		return "was"
	}
	return "were"
}

func theyWere(r VerdictRange) say.Agreement {
	if r.First == r.Last {
		return "it was"
	}
	return "they were"
}

func them(r VerdictRange) say.Agreement {
	if r.First == r.Last {
		return "it"
	}
	return "them"
}

func timesWord(n int) say.Sentence {
	if n == 1 {
		return say.F("once")
	}
	return say.F("%d times", n)
}
