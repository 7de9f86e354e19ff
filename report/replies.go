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
	var ranges [][2]int
	for _, j := range t.Builder.packets[t.stream.Name] {
		for _, v := range j.verdicts {
			every = every && (!v.Reply || v.Accepted && v.State == packet.Established)
		}
		every = every && (!j.answered || plain[j.Seq] == places)
		if plain[j.Seq] < places {
			continue
		}
		if n := len(ranges); n > 0 && ranges[n-1][1] == j.Seq-1 {
			ranges[n-1][1] = j.Seq
		} else {
			ranges = append(ranges, [2]int{j.Seq, j.Seq})
		}
	}
	if len(ranges) > 0 {
		t.establishedReplies(every, ranges)
	}
}

// establishedReplies names the replies that were established on their whole way: all, or those to
// ranges of packets.
func (t *explainer) establishedReplies(every bool, ranges [][2]int) {
	const most = 3 // number of ranges to name
	about := claims.Claim{
		Kind: claims.Decided, Stream: t.stream.Name, Reply: true, State: packet.Established, Accepted: true,
		By: packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID},
	}
	n, to, from := 0, phrase{Sentence: say.As(t.stream.To)}, phrase{Sentence: say.As(t.stream.From)}
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
	at := t.stream.moment(ranges[0][0], ranges[len(ranges)-1][1])
	switch {
	case every:
		to.claims = append(to.claims, claims.Claim{Kind: claims.AllReplies, Stream: t.stream.Name, State: packet.Established})
		t.say(at, "Every reply was ESTABLISHED, both leaving %s and arriving at %s: a reply needs no rule.", to, from)
	case n == 1:
		t.say(at, "The reply to packet %d was ESTABLISHED, both leaving %s and arriving at %s: a reply needs no rule.", about.First, to, from)
	case len(ranges) > most:
		t.say(at, "%d of the replies were ESTABLISHED, both leaving %s and arriving at %s: a reply needs no rule.", n, to, from)
	default:
		t.say(at, "The replies to packets %s were ESTABLISHED, both leaving %s and arriving at %s: a reply needs no rule.", say.List(", ", named...), to, from)
	}
}

// reply explains replies for which a rule decided.
func (t *explainer) reply(r run) {
	switch {
	case r.accepted() && r.State == packet.Related && r.Host == t.stream.From:
		t.relatedAllowed(r)
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
	return phrase{say.F("The replies to packets %d–%d", r.First, r.Last), []claims.Claim{r.decided()}}.orOne(r, say.F("The reply to packet %d", r.First))
}

// errorAbout names ICMP errors, and claims what the host decided about them.
func (t *explainer) errorAbout(r run) phrase {
	return phrase{say.F("The ICMP errors about packets %d–%d", r.First, r.Last), []claims.Claim{r.decided()}}.orOne(r, say.F("The ICMP error about packet %d", r.First))
}
