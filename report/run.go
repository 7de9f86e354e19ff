package report

import (
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
)

// A run is consecutive packets to which the same happened at one place, in the same conntrack entry.
type run struct {
	VerdictRange
	first, last *verdict // on the first and the last packet
	entry       *life    // that they belonged to, if it is known
	pushed      bool     // the packets were sent by the stream's target, without being asked
	alone       bool     // it is about a single verdict, whether or not on a packet of a stream
}

// runs returns what happened to a stream's packets, or to the replies, at one place. Of an
// experiment, only what was sent and decided about in it counts.
func (t *explainer) runs(host string, d packet.Direction, reply bool) []run {
	var all []run
	entries := t.lives.of(host, t.flow)
	for _, j := range t.Builder.packets[t.stream.Name] {
		if t.experiment != 0 && t.experiment != j.Experiment {
			continue
		}
		v := j.verdictAt(host, d, reply)
		if v == nil || t.experiment != 0 && t.experiment != v.experiment {
			continue
		}
		next := run{VerdictRange: rangeOf(v, j.Seq), first: v, last: v, entry: entries.carrier(v.when, v.State), pushed: j.pushed}
		if n := len(all); n > 0 && all[n-1].entry == next.entry && all[n-1].pushed == next.pushed && all[n-1].continuedBy(next.VerdictRange) {
			all[n-1].Last, all[n-1].last = next.Last, v
			continue
		}
		all = append(all, next)
	}
	return all
}

// verdictAt returns the first verdict on a packet, or on the reply to it, at one place; or nil.
func (j *journey) verdictAt(host string, d packet.Direction, reply bool) *verdict {
	for i := range j.verdicts {
		if v := &j.verdicts[i]; v.Reply == reply && v.Direction == d && v.Host == host {
			return v
		}
	}
	return nil
}

func (r run) accepted() bool { return r.Verdict == "accept" }

// between returns the part of a run that lies in a span of time.
func (t *explainer) between(r run, s span) (part run, found bool) {
	part = r
	for seq := r.First; seq <= r.Last; seq++ {
		v := t.Builder.packets[t.stream.Name][seq-1].verdictAt(r.Host, r.Direction, r.first.Reply)
		if v.seq < s.from.seq || s.to.happened() && v.seq > s.to.seq {
			continue
		}
		if !found {
			part.First, part.first, found = seq, v, true
		}
		part.Last, part.last = seq, v
	}
	return part, found
}

// whileOf returns the first packets of a run, for which a rule with that number had admitted or
// released the flow. It had for the first.
func (t *explainer) whileOf(r run, number uint32) run {
	part := r
	for seq := r.First; seq <= r.Last; seq++ {
		v := t.Builder.packets[t.stream.Name][seq-1].verdictAt(r.Host, r.Direction, r.first.Reply)
		if !r.entry.isOf(number, v.seq) {
			break
		}
		part.Last, part.last = seq, v
	}
	return part
}

// they names packets, and claims what the host decided about them.
func (t *explainer) they(r run) phrase {
	return phrase{say.F("Packets %d–%d", r.First, r.Last), []claims.Claim{r.decided()}}.orOne(r, say.F("Packet %d", r.First))
}

// orOne returns the phrase with other words if the run is a single packet.
func (p phrase) orOne(r run, one say.Sentence) phrase {
	if r.First == r.Last {
		p.Sentence = one
	}
	return p
}

func seqs(r run) say.Sentence {
	if r.First == r.Last {
		return say.F("packet %d", r.First)
	}
	return say.F("packets %d–%d", r.First, r.Last)
}

func were(r run) say.Agreement {
	if r.First == r.Last {
		return "was"
	}
	return "were"
}

func theyWere(r run) say.Agreement {
	if r.First == r.Last {
		return "it was"
	}
	return "they were"
}

func them(r run) say.Agreement {
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
