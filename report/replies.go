package report

import (
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
)

// replies returns what happened on the way back: out of the destination, and into the sender.
func (t *explainer) replies() (there, here []run) {
	return t.runs(t.stream.To, packet.Egress, true), t.runs(t.stream.From, packet.Ingress, true)
}

// otherReplies explains replies for which a rule decided.
func (t *explainer) otherReplies(there, here []run) {
	ways := [][]run{there}
	for _, host := range forwarders(t.Builder.packets[t.stream.Name], true) {
		ways = append(ways, t.runs(host, packet.Ingress, true), t.runs(host, packet.Egress, true))
	}
	for _, runs := range append(ways, here) {
		t.was = nil
		for _, r := range runs {
			t.otherACL(r)
			t.reply(r)
			t.was = &r
		}
	}
}

// plainReplies says which replies were established on their whole way.
func (t *explainer) plainReplies(there, here []run) {
	plain := map[int]int{} // places at which a reply was accepted as established
	for _, runs := range [][]run{there, here} {
		for _, r := range runs {
			for seq := r.First; seq <= r.Last && r.accepted() && r.State == packet.Established && r.Kind == packet.ByEstablished; seq++ {
				plain[seq]++
			}
		}
	}
	const places = 2
	every := t.stream.Received > 0
	var ranges, pushed [][2]int
	for _, j := range t.Builder.packets[t.stream.Name] {
		for _, v := range j.verdicts {
			every = every && (!v.Reply || v.Accepted && v.State == packet.Established && v.Kind == packet.ByEstablished)
		}
		every = every && !j.pushed && (!j.answered || plain[j.Seq] == places)
		switch {
		case plain[j.Seq] < places:
		case j.pushed:
			pushed = extended(pushed, j.Seq)
		default:
			ranges = extended(ranges, j.Seq)
		}
	}
	if len(ranges) > 0 {
		t.establishedReplies(every, ranges)
	}
	if len(pushed) > 0 {
		t.establishedPushes(pushed)
	}
}

// extended returns ranges of numbers with one more, which is greater than all of theirs.
func extended(ranges [][2]int, n int) [][2]int {
	if last := len(ranges) - 1; last >= 0 && ranges[last][1] == n-1 {
		ranges[last][1] = n
		return ranges
	}
	return append(ranges, [2]int{n, n})
}

// establishedReplies names the replies that were established on their whole way: all, or those to
// ranges of packets.
func (t *explainer) establishedReplies(every bool, ranges [][2]int) {
	to, from, named, n := t.bothEnds(ranges)
	at := t.stream.moment(ranges[0][0], ranges[len(ranges)-1][1])
	switch {
	case every:
		to.claims = append(to.claims, claims.Claim{Kind: claims.AllReplies, Stream: t.stream.Name, State: packet.Established})
		t.say(at, "Every reply was ESTABLISHED, both leaving %s and arriving at %s: a reply needs no rule.", to, from)
	case n == 1:
		t.say(at, "The reply to packet %d was ESTABLISHED, both leaving %s and arriving at %s: a reply needs no rule.", ranges[0][0], to, from)
	case len(ranges) > mostRanges:
		t.say(at, "%d of the replies were ESTABLISHED, both leaving %s and arriving at %s: a reply needs no rule.", n, to, from)
	default:
		t.say(at, "The replies to packets %s were ESTABLISHED, both leaving %s and arriving at %s: a reply needs no rule.", named, to, from)
	}
}

// establishedPushes does the same for packets that the stream's target sent by itself.
func (t *explainer) establishedPushes(ranges [][2]int) {
	to, from, named, n := t.bothEnds(ranges)
	at := t.stream.moment(ranges[0][0], ranges[len(ranges)-1][1])
	switch {
	case n == 1:
		t.say(at, "Packet %d, which %s sent by itself, was ESTABLISHED, both leaving it and arriving at %s: conntrack had an entry, so it needed no rule.", ranges[0][0], to, from)
	case len(ranges) > mostRanges:
		t.say(at, "%d of the packets that %s sent by itself were ESTABLISHED, both leaving it and arriving at %s: conntrack had an entry, so they needed no rule.", n, to, from)
	default:
		t.say(at, "Packets %s, which %s sent by itself, were ESTABLISHED, both leaving it and arriving at %s: conntrack had an entry, so they needed no rule.", named, to, from)
	}
}

// mostRanges is how many ranges of packets are named.
const mostRanges = 3

// bothEnds names both hosts, and claims that they accepted replies as established; and names the n
// packets in the ranges.
func (t *explainer) bothEnds(ranges [][2]int) (to, from phrase, packets say.Sentence, n int) {
	about := claims.Claim{
		Kind: claims.Decided, Stream: t.stream.Name, Reply: true, State: packet.Established, Accepted: true,
		By: packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID},
	}
	to, from = phrase{Sentence: say.As(t.stream.To)}, phrase{Sentence: say.As(t.stream.From)}
	var named []say.Sentence
	for _, r := range ranges {
		n += r[1] - r[0] + 1
		about.First, about.Last = r[0], r[1]
		about.Host, about.Direction = t.stream.To, packet.Egress
		to.claims = append(to.claims, about)
		about.Host, about.Direction = t.stream.From, packet.Ingress
		from.claims = append(from.claims, about)
		if r[0] == r[1] {
			named = append(named, say.F("%d", r[0]))
		} else {
			named = append(named, say.F("%d–%d", r[0], r[1]))
		}
	}
	return to, from, say.List(", ", named...), n
}

// reply explains replies for which a rule decided.
func (t *explainer) reply(r run) {
	switch {
	case t.byModel(r):
		t.explainModel(r, t.replyTo(r))
	case r.Kind == packet.ByRuleset && !r.accepted():
		t.ruled(r, t.replyTo(r))
	case r.accepted() && r.State == packet.Related && r.Host == t.stream.From:
		t.relatedAllowed(r)
	case r.accepted() && r.Host == t.stream.To && r.Kind == packet.ByGroup && r.State == packet.New:
		t.beganBack(r)
	case r.accepted() && r.Host == t.stream.To && r.Kind == packet.ByGroup && r.State == packet.Invalid:
		t.say(t.of(r), "%s %s INVALID to %s, which had no entry for %s, and outbound rule %q allowed %s all the same.", t.replyTo(r), were(r), r.Host, them(r), r.ID, them(r))
	case r.accepted():
	case r.State == packet.Related:
		t.say(t.of(r), "%s %s RELATED to %s and dropped by %s: an error is not part of the flow.", t.errorAbout(r), were(r), r.Host, r.ID)
		t.lessons.errors.learn(t.of(r), r.decided())
	case r.Kind == packet.ByACL:
		t.stateless(r, t.replyTo(r))
	case r.State == packet.Invalid && !t.whyInvalid(r, past).Empty():
		t.say(t.of(r), "%s %s INVALID to %s and dropped by %s: %s.", t.replyTo(r), were(r), r.Host, r.ID, t.whyInvalid(r, past))
	default:
		t.say(t.of(r), "%s %s %s to %s and dropped by %s.", t.replyTo(r), were(r), state(r), r.Host, r.ID)
	}
}

// beganBack explains replies that began a flow in the other direction, because the entry of theirs was
// gone. The first creates an entry; the others belong to it.
func (t *explainer) beganBack(r run) {
	if r.entry != nil && r.entry.creator.seq != r.first.seq {
		t.unrepliedBack(r)
		return
	}
	first := r
	if r.entry != nil {
		first.Last, first.last = r.First, r.first
	}
	they, gone := t.replyTo(first), t.gone(first)
	if r.entry != nil {
		they.claims = append(they.claims, first.claim(claims.Claim{Kind: claims.Created, Entry: r.entry.ref(), Rule: r.Number})...)
	}
	if gone.Empty() {
		t.say(t.of(first), "%s %s NEW to %s, and its outbound rule %q allowed %s.", they, were(first), r.Host, r.ID, them(first))
	} else {
		t.say(t.of(first), "%s %s NEW to %s: %s, so the rules were checked, and outbound rule %q allowed %s: %s itself began a flow, in the other direction.",
			they, were(first), r.Host, gone, r.ID, them(first), r.Host)
	}
	if first.Last < r.Last {
		r.First++
		t.unrepliedBack(r)
	}
}

// unrepliedBack explains replies that were NEW and accepted although they had an entry.
func (t *explainer) unrepliedBack(r run) {
	unreplied := r.claim(claims.Claim{Kind: claims.Unreplied, Entry: r.entry.ref()})
	t.say(t.of(r), "%s %s NEW as well: conntrack had seen no reply, so %s's entry was UNREPLIED, and outbound rule %q had to allow %s.",
		phrase{t.replyTo(r).Sentence, append(t.replyTo(r).claims, unreplied...)}, were(r), r.Host, r.ID, them(r))
}

// relatedAllowed explains ICMP errors that a rule allowed after others were dropped.
func (t *explainer) relatedAllowed(r run) {
	if opened := t.openedAgain(r); !opened.Empty() {
		t.say(t.of(r), "%s %s RELATED to %s too, but by then rule %q allowed %s: %s.", t.errorAbout(r), were(r), r.Host, r.ID, them(r), opened)
		return
	}
	t.say(t.of(r), "%s %s RELATED to %s and accepted by rule %q.", t.errorAbout(r), were(r), r.Host, r.ID)
}

// replyTo names replies, and claims what the host decided about them.
func (t *explainer) replyTo(r run) phrase {
	if r.pushed {
		return phrase{say.F("Packets %d–%d, which %s sent by itself,", r.First, r.Last, t.stream.To), []claims.Claim{r.decided()}}.
			orOne(r, say.F("Packet %d, which %s sent by itself,", r.First, t.stream.To))
	}
	return phrase{say.F("The replies to packets %d–%d", r.First, r.Last), []claims.Claim{r.decided()}}.orOne(r, say.F("The reply to packet %d", r.First))
}

// errorAbout names ICMP errors, and claims what the host decided about them.
func (t *explainer) errorAbout(r run) phrase {
	return phrase{say.F("The ICMP errors about packets %d–%d", r.First, r.Last), []claims.Claim{r.decided()}}.orOne(r, say.F("The ICMP error about packet %d", r.First))
}
