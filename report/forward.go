package report

import (
	"slices"

	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
)

// forwarders returns the hosts that packets of a stream passed, or the replies, in that order.
func forwarders(journeys []*journey, reply bool) []string {
	var hosts []string
	for _, j := range journeys {
		for i := range j.verdicts {
			if v := &j.verdicts[i]; v.Forwarded && v.Reply == reply && !slices.Contains(hosts, v.Host) {
				hosts = append(hosts, v.Host)
			}
		}
	}
	return hosts
}

// passages explains what happened to packets on hosts that were to forward them.
func (t *explainer) passages() {
	for _, host := range forwarders(t.Builder.packets[t.stream.Name], false) {
		t.was = nil
		for _, r := range t.runs(host, packet.Ingress, false) {
			t.passageIn(r)
			t.was = &r
		}
		t.was = nil
		for _, r := range t.runs(host, packet.Egress, false) {
			t.passageOut(r)
			t.was = &r
		}
	}
	t.was = nil
}

// passageIn explains packets that arrived at a host that was to forward them.
func (t *explainer) passageIn(r run) {
	switch {
	case r.Kind == packet.ByRuleset:
		t.ruled(r, t.they(r))
	case r.Kind == packet.ByGateway:
		t.resets(r)
	case r.Kind == packet.ByCheck:
		t.say(t.of(r), "%s %s neither from %s nor for it, so its source/destination check dropped %s before any rule was checked.", t.they(r), were(r), r.Host, them(r))
		t.lessons.checked.learn(t.of(r), r.decided())
	case r.State == packet.Established && r.accepted():
		they := t.they(r)
		if r.entry != nil {
			they.claims = append(they.claims, r.claim(claims.Claim{Kind: claims.Carried, Entry: r.entry.ref(), Other: r.entry.creator.stream, Rule: r.entry.creator.by.Number})...)
		}
		if forger := t.forger(r); !forger.Empty() {
			t.say(t.of(r), "%s %s ESTABLISHED to %s on the way: a forged packet from %s%s had created an entry, so it forwarded %s without checking its rules.",
				they, were(r), r.Host, forger, t.inExperiment(t.forged[r.entry.orig].experiment), them(r))
			t.outlived(r)
			return
		}
		t.say(t.of(r), "%s %s ESTABLISHED to %s on the way: it had an entry, so it forwarded %s without checking its rules.", they, were(r), r.Host, them(r))
		t.outlived(r)
	default:
		t.arrival(r)
	}
}

// resets explains packets that a NAT gateway answered with a reset.
func (t *explainer) resets(r run) {
	if why := t.whyInvalid(r, past); !why.Empty() {
		t.say(t.of(r), "%s %s INVALID: %s. As a NAT gateway, %s answered the sender with a reset.", t.they(r), were(r), why, r.Host)
		return
	}
	t.say(t.of(r), "%s %s INVALID to %s, which, as a NAT gateway, answered the sender with a reset.", t.they(r), were(r), r.Host)
}

// passageOut explains packets that a host was to send on.
func (t *explainer) passageOut(r run) {
	switch {
	case !r.accepted() && r.Kind == packet.ByDefault:
		t.say(t.of(r), "%s did not leave %s again: no outbound rule allows %s%s, so default deny dropped %s.", t.they(r), r.Host, them(r), t.closed(r), them(r))
		t.lessons.forwarded.learn(t.of(r), r.decided())
		return
	case !r.accepted():
		t.departure(r)
		return
	case r.Kind == packet.ByRuleset && (r.State == packet.Established || t.was != nil):
		return // its addresses are known already
	case r.Kind == packet.ByRuleset:
		t.redirected(r)
	case r.State == packet.Established:
		if r.entry != nil {
			t.outlivedBy(r, r.entry.releasedBy(r.first.seq))
		}
		return
	case r.Kind == packet.ByGroup && t.policy.numbers[r.Number] != nil:
		text := t.policy.numbers[r.Number].Rule.Rule
		if opened := t.openedAgain(r); !opened.Empty() {
			t.say(t.of(r), "%s left %s again: by then outbound rule %q (%s) allowed %s: %s.", t.they(r), r.Host, r.ID, text, them(r), opened)
		} else {
			t.say(t.of(r), "%s left %s again, since outbound rule %q (%s) allowed %s.", t.they(r), r.Host, r.ID, text, them(r))
		}
		t.lessons.forwarded.learn(t.of(r), r.decided())
	}
	t.masked(r)
}

// masked tells which source a host gave to packets.
func (t *explainer) masked(r run) {
	if r.entry == nil || !r.accepted() || r.entry.orig.Source == r.entry.reply.Destination {
		return
	}
	mask := say.As(r.entry.reply.Destination.String())
	claimed := r.claim(claims.Claim{Kind: claims.Masqueraded, Entry: r.entry.ref(), Other: mask.String()})
	t.say(t.of(r), "%s replaced the source of the flow by its own address: from there on, its packets come from %s.", phrase{say.As(r.Host), claimed}, mask)
}
