package report

import (
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
)

// gone says how the flow's previous entry at a host had ended before packets came, or nothing if it
// had none.
func (t *explainer) gone(r run) phrase {
	l := t.lives.previous(r.first.when, r.Host, t.flow, r.entry)
	if l == nil {
		return phrase{}
	}
	entry := say.F("%s's conntrack entry", r.Host)
	if other := l.creator.stream; other != "" && other != t.stream.Name {
		entry = say.F("%s's conntrack entry of stream %s", r.Host, other)
	}
	ended := l.gone()
	if !ended.happened() || ended.seq > r.first.seq && ended.at-r.first.at > lag {
		return phrase{Sentence: say.F("%s was gone", entry)} // so the verdict says
	}
	claimed := t.claim(r, claims.Claim{Kind: claims.EntryGone, Entry: l.ref(), Ending: l.end()})
	switch in := inExperiment(ended.experiment); l.end() {
	case claims.Asked, claims.Deleted:
		return phrase{say.F("%s had been deleted%s", entry, in), claimed}
	case claims.Untracked:
		return phrase{say.F("%s had ended%s, because such flows were no longer tracked", entry, in), claimed}
	case claims.TimedOut:
		return phrase{say.F("%s had timed out%s", entry, in), claimed}
	case claims.Closing:
		return phrase{say.F("%s had ended with its connection", entry), claimed}
	}
	return phrase{say.F("%s was gone", entry), claimed}
}

// closed says which change closed the way for packets that no rule matched, if that is known.
func (t *explainer) closed(r run) phrase {
	c, found := t.policy.closed(r.first.when, r.first.Judged)
	if !found {
		return phrase{}
	}
	done := say.F("rule %q was revoked", c.rule.ID)
	switch c.cause {
	case hostLeft:
		done = say.F("group %q was removed from %s", c.group, c.host)
	case peerUnlisted:
		done = say.F("%s was removed from prefix list %q", c.entry, c.group)
	case peerLeft:
		done = say.F("rule %q is about group %q, which was removed from %s", c.rule.ID, c.group, c.host)
	}
	claimed := t.claimChange(claims.Closed, r, c)
	return phrase{say.F(" any more (%s%s)", done, inExperiment(c.experiment)), claimed}
}

// opened says which change opened the way for packets after others were dropped, if that is known.
func (t *explainer) opened(r run) phrase {
	if t.was == nil || t.was.accepted() {
		return phrase{}
	}
	c, found := t.policy.opened(t.was.last.when, r.first.when, r.first.Judged)
	if !found {
		return phrase{}
	}
	claimed := t.claimChange(claims.Opened, r, c)
	switch c.cause {
	case ruleAuthorized:
		return phrase{say.F("it had been authorized%s", inExperiment(c.experiment)), claimed}
	case peerListed:
		return phrase{say.F("%s had been added to prefix list %q%s", c.entry, c.group, inExperiment(c.experiment)), claimed}
	}
	return phrase{say.F("group %q had been attached to %s%s", c.group, c.host, inExperiment(c.experiment)), claimed}
}

// byACL names the rule of a network ACL that dropped packets, and since when the ACL is there.
func (t *explainer) byACL(r run) phrase {
	c, found := t.policy.aclAt(r.first.when, r.Host)
	if !found {
		return phrase{Sentence: say.As(r.ID)}
	}
	return phrase{say.F("%s%s", r.ID, sinceExperiment(c.experiment)), t.claim(r, claims.Claim{Kind: claims.ACLChanged, Change: c.seq})}
}

// whyInvalid says why packets of a connection were INVALID, or nothing if that is unknown.
func (t *explainer) whyInvalid(r run) phrase {
	h := r.first.Packet
	if h.Protocol != packet.TCP {
		return phrase{}
	}
	l := t.lives.before(r.first.when, r.Host, t.flow)
	if l != nil && l.livedAt(r.first.when) {
		return phrase{say.F("%s had a conntrack entry, but what arrived did not fit its connection", r.Host), t.claim(r, claims.Claim{Kind: claims.Tracked, Entry: l.ref()})}
	}
	if h.TCPFlags&(packet.SYN|packet.RST) != 0 || t.policy.looseAt(r.first.when) || t.lives.mayHaveMissed(r.first.when, r.Host) {
		return phrase{}
	}
	claimed := append(t.claim(r, claims.Claim{Kind: claims.NoEntry}), t.claim(r, claims.Claim{Kind: claims.NotLoose})...)
	gone := t.gone(r)
	if gone.Empty() {
		return phrase{say.F("%s had no conntrack entry, and conntrack does not pick up connections mid-stream", r.Host), claimed}
	}
	return phrase{say.F("%s, and conntrack does not pick up connections mid-stream", gone.Sentence), append(claimed, gone.claims...)}
}

// entryAt returns the stream's conntrack entry at a host when the experiment of r's last packet
// ended, or nil; and whether that host's entries were read then.
func (t *explainer) entryAt(r run, host string) (entry *Flow, looked bool) {
	if r.Last > len(t.stream.Packets) {
		return nil, false
	}
	experiment := t.stream.Packets[r.Last-1].Experiment
	for i := range t.report.Flows {
		f := &t.report.Flows[i]
		if f.Experiment == experiment && f.Host == host && !f.Untracked && f.Stream != nil && *f.Stream == t.stream.Name {
			return f, true
		}
	}
	return nil, t.listed[listing{experiment, host}]
}

// anotherFlow explains whether conntrack can tell the stream from an earlier one between the same
// hosts.
func (t *explainer) anotherFlow() {
	var same, other *Stream
	for i := range t.streams {
		s := &t.streams[i]
		if s.Name == t.stream.Name {
			break
		}
		if s.From != t.stream.From || s.To != t.stream.To || s.Protocol != t.stream.Protocol || s.Port != t.stream.Port {
			continue
		}
		if canonical(t.Builder.flow(s)) == canonical(t.flow) {
			same = s
		} else if other == nil {
			other = s
		}
	}
	what, traffic := say.F("ICMP id"), say.F("pings")
	if !t.stream.IsPing() {
		what, traffic = say.F("source port"), say.F("connections")
	}
	switch {
	case same != nil:
		claimed := []claims.Claim{{Kind: claims.SameFlow, Stream: t.stream.Name, Other: same.Name}}
		t.say(t.outset(), "Hosts, protocol and %s are the same as for stream %s: to conntrack, this is the same flow.", what, phrase{say.As(same.Name), claimed})
	case other != nil:
		claimed := []claims.Claim{{Kind: claims.OtherFlow, Stream: t.stream.Name, Other: other.Name}}
		t.say(t.outset(), "Hosts and protocol are the same as for stream %s, but the %s differs, and conntrack tells %s apart by that: to conntrack, this is another flow.",
			phrase{say.As(other.Name), claimed}, what, traffic)
	}
}

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
