package report

import (
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
)

// decider names what decided in a host's own ruleset.
func decider(by packet.By) say.Sentence {
	switch {
	case by.Site == packet.Site{}:
		return say.F("no chain, since its ruleset filters nothing there")
	case by.Site.Handle == 0:
		return say.F("the policy of its chain %s %s %s", by.Site.Family, by.Site.Table, by.Site.Chain)
	}
	return say.F("rule %q of its ruleset (%s)", by.ID, by.Site)
}

// ruled explains packets about which a host's own ruleset decided.
func (t *explainer) ruled(r run, they phrase) {
	switch {
	case r.accepted() && r.Site == packet.Site{}:
		t.say(t.of(r), "%s %s %s to %s, whose ruleset filters nothing there.", they, were(r), state(r), r.Host)
	case r.accepted():
		t.say(t.of(r), "%s %s %s to %s and accepted by %s.", they, were(r), state(r), r.Host, decider(r.By))
	default:
		t.say(t.of(r), "%s %s %s to %s and dropped by %s.", they, were(r), state(r), r.Host, decider(r.By))
		if r.State == packet.New && !r.first.Reply && r.Direction == packet.Ingress {
			t.entriesOfDropped(r)
		}
	}
}

// redirected tells which destination a host gave to packets.
func (t *explainer) redirected(r run) {
	if r.entry == nil || !r.accepted() || r.entry.orig.Destination == r.entry.reply.Source && r.entry.orig.DestinationPort == r.entry.reply.SourcePort {
		return
	}
	target := say.As(r.entry.reply.Source.String())
	host := phrase{say.As(r.Host), r.claim(claims.Claim{Kind: claims.Masqueraded, Entry: r.entry.ref(), Other: target.String()})}
	if r.entry.reply.SourcePort == 0 {
		t.say(t.of(r), "%s replaced the destination of the flow: from there on, its packets go to %s.", host, target)
		return
	}
	t.say(t.of(r), "%s replaced the destination of the flow: from there on, its packets go to %s port %d.", host, target, r.entry.reply.SourcePort)
}

// ofRuleset says what a host's own ruleset did with a packet.
func ofRuleset(r run, name phrase) subtitle {
	switch {
	case r.accepted() && r.Site == packet.Site{}:
		return accepting("%s is %s to %s, whose ruleset filters nothing there.", name, state(r), r.Host)
	case r.accepted():
		return accepting("%s is %s to %s: accepted by %s.", name, state(r), r.Host, decider(r.By))
	}
	return dropping("%s is %s to %s: dropped by %s.", name, state(r), r.Host, decider(r.By))
}

// decidesAs reports whether an id stands for what decided. What a ruleset of a host's own accepts of
// known flows is established there too, whichever rule says so.
func (v verdict) decidesAs(id string) bool {
	return v.ID == id || id == packet.EstablishedID && v.isKnown()
}

// isKnown reports whether a packet was accepted because its flow was known.
func (v verdict) isKnown() bool {
	return v.ID == packet.EstablishedID || v.Kind == packet.ByRuleset && v.State == packet.Established && v.Accepted
}
