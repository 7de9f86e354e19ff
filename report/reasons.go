package report

import (
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
)

// gone says how the flow's previous entry at a host had ended before packets came, or nothing if it
// had none.
func (h *history) gone(r run) phrase {
	l := h.lives.previous(r.first.when, r.Host, r.first.Packet.Key(), r.entry)
	if l == nil {
		return phrase{}
	}
	entry := say.F("%s's conntrack entry", r.Host)
	if other := l.creator.stream; other != "" && other != r.first.Stream {
		entry = say.F("%s's conntrack entry of stream %s", r.Host, other)
	}
	ended := l.gone()
	if !ended.happened() || ended.seq > r.first.seq && ended.at-r.first.at > lag {
		return phrase{Sentence: say.F("%s was gone", entry)} // so the verdict says
	}
	return phrase{l.had(entry, h.inExperiment(ended.experiment)), r.claim(claims.Claim{Kind: claims.EntryGone, Entry: l.ref(), Ending: l.end()})}
}

// closed says which change closed the way for packets that no rule matched, if that is known.
func (h *history) closed(r run) phrase {
	c, found := h.policy.closed(r.first.when, r.first.Judged)
	if !found {
		return phrase{}
	}
	return phrase{say.F(" any more (%s%s)", c.done(), h.inExperiment(c.experiment)), r.claimChange(claims.Closed, c)}
}

// opened says which change opened the way for packets, if that happened after some time.
func (h *history) opened(after when, r run, in tense) phrase {
	c, found := h.policy.opened(after, r.first.when, r.first.Judged)
	if !found {
		return phrase{}
	}
	return phrase{c.begun(in, h.inExperiment(c.experiment)), r.claimChange(claims.Opened, c)}
}

// byACL names the rule of a network ACL that dropped packets, and since when the ACL is there.
func (h *history) byACL(r run) phrase {
	c, found := h.policy.aclAt(r.first.when, r.Host)
	if !found {
		return phrase{Sentence: say.As(r.ID)}
	}
	return phrase{say.F("%s%s", r.ID, h.sinceExperiment(c.experiment)), r.claim(claims.Claim{Kind: claims.ACLChanged, Change: c.seq})}
}

// whyInvalid says why packets of a connection were INVALID, or nothing if that is unknown.
func (h *history) whyInvalid(r run, in tense) phrase {
	p, at := r.first.Packet, r.first.when
	if p.Protocol != packet.TCP {
		return phrase{}
	}
	l := h.lives.before(at, r.Host, p.Key())
	if l != nil && l.livedAt(at) {
		return phrase{say.F("%s %s a conntrack entry, but what arrived %s fit its connection", r.Host, hadIn(in), didNotIn(in)), r.claim(claims.Claim{Kind: claims.Tracked, Entry: l.ref()})}
	}
	if p.TCPFlags&(packet.SYN|packet.RST) != 0 || h.isLoose(r.Host, at) || h.lives.mayHaveMissed(at, r.Host) {
		return phrase{}
	}
	claimed := append(r.claim(claims.Claim{Kind: claims.NoEntry}), r.claim(claims.Claim{Kind: claims.NotLoose})...)
	gone := h.gone(r)
	if gone.Empty() {
		return phrase{say.F("%s %s no conntrack entry, and conntrack does not pick up connections mid-stream", r.Host, hadIn(in)), claimed}
	}
	return phrase{say.F("%s, and conntrack does not pick up connections mid-stream", gone.Sentence), append(claimed, gone.claims...)}
}

// isLoose reports whether conntrack of a host picked up connections mid-stream at some time.
func (h *history) isLoose(host string, at when) bool {
	loose := h.models.of(host).Loose
	return h.policy.looseAt(at, loose != nil && *loose)
}

// A tense is when an explanation is given: after a run, or while things happen.
type tense bool

const (
	past    tense = true
	present tense = false
)

func hadIn(t tense) say.Agreement {
	if t == past {
		return "had"
	}
	return "has"
}

// wasIn is for what happened before that.
func wasIn(t tense) say.Agreement {
	if t == past {
		return "had been"
	}
	return "was"
}

func didNotIn(t tense) say.Agreement {
	if t == past {
		return "did not"
	}
	return "does not"
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
