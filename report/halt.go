package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// A timing is what bears on how long entries last.
type timing struct {
	timeouts *sg.Timeouts // those that were set during the run; nil if none were
	halts    []halt
}

// A halt is a time in which lablab did not run, or only now and then. Everything that happened then
// was recorded late, and everything that was to follow came late.
type halt struct {
	from, to time.Duration
	late     time.Duration // for how long it did not run, by the clock of the timeline
}

func haltOf(at when, h timeline.Halted) halt {
	return halt{at.at - h.Within + h.Asleep, at.at, h.Late()}
}

// between returns for how long lablab did not run, at most, in a span of time.
func (t *timing) between(from, to time.Duration) (late time.Duration) {
	for _, h := range t.halts {
		if h.from <= to+lag && h.to >= from-lag {
			late += h.late
		}
	}
	return late
}

// around returns how much earlier than it was recorded something may have happened.
func (t *timing) around(at time.Duration) time.Duration { return t.between(at, at) }

// shortest returns the shortest timeout that was set during the run for entries of a protocol.
func (t *timing) shortest(p packet.Protocol) time.Duration {
	switch set := t.timeouts; {
	case set == nil:
		return math.MaxInt64
	case p.IsICMP():
		return set.ICMP
	case p == packet.UDP:
		return min(set.UDP, set.UDPStream)
	case p == packet.TCP:
		return set.TCPEstablished
	default:
		return set.Other
	}
}

// A pause is a time for which the scenario itself held up its streams.
type pause struct{ end, took time.Duration }

// A hastening is that a conntrack entry was gone when it was needed, and would not have been if
// lablab had kept to its plan.
type hastening struct {
	*life
	needed when
	late   time.Duration
}

// findHastened finds the entries that expired because lablab was late, by when they were needed.
func (b *Builder) findHastened() (all []hastening) {
	if !b.timed {
		return nil
	}
	for _, f := range b.lives.flows {
		for _, l := range f.lives {
			if h, is := b.hastening(l); is {
				all = append(all, h)
			}
		}
	}
	slices.SortFunc(all, func(a, b hastening) int { return cmp.Compare(a.needed.seq, b.needed.seq) })
	return all
}

func (b *Builder) hastening(l *life) (h hastening, is bool) {
	needed := b.lives.needed(l)
	if !l.dead.happened() || l.cutWhy != "" || l.timeout == 0 || !needed.happened() {
		return hastening{}, false
	}
	idle, planned := needed.at-l.touched, b.planned(l.touched, needed.at)
	// Apart from expiring, an entry ends with its connection, or by a program that deletes it.
	mayHaveEnded := l.closing || slices.ContainsFunc(b.programs, func(p pause) bool { return p.end >= l.touched-lag && p.end <= needed.at+lag })
	switch {
	case l.left > 0: // a program deleted it
		return hastening{}, false
	case planned >= l.timeout: // it would have expired anyway
		return hastening{}, false
	case idle+b.lives.timing.around(l.touched) < l.timeout/2: // far from it; older kernels do not report what was left
		return hastening{}, false
	case mayHaveEnded && idle+b.lives.timing.around(l.touched) < l.timeout:
		return hastening{}, false
	}
	return hastening{l, needed, max(idle-planned, b.lives.timing.between(l.touched, needed.at))}, true
}

// planned returns for how long, at most, a flow was to be idle in a span of time: during the waits
// and programs of the scenario, and while other streams sent packets, or waited for replies in vain.
func (b *Builder) planned(from, to time.Duration) time.Duration {
	within := func(at time.Duration) bool { return at > from-lag && at <= to+lag }
	interval := time.Duration(b.report.IntervalMS * float64(time.Millisecond))
	var pauses, most time.Duration
	for _, p := range b.waits {
		if within(p.end) {
			pauses += p.took
		}
	}
	for _, p := range b.programs {
		if within(p.end) {
			pauses += max(0, p.took-b.lives.timing.between(p.end-p.took, p.end))
		}
	}
	for _, journeys := range b.packets {
		var took time.Duration
		for _, j := range journeys {
			switch {
			case j.Outcome == "" || !within(j.at):
			case j.Outcome == Lost || j.Outcome == Unsent:
				took += interval + patience
			default:
				took += interval
			}
		}
		most = max(most, took)
	}
	return pauses + interval + most
}

// needed returns when an entry that is gone was first looked for, by a packet or in a listing.
func (ls *lives) needed(l *life) when {
	first := l.sought
	if first.happened() && l.dead.at-first.at > lag {
		first = when{}
	}
	for _, at := range ls.listings[l.host] {
		if at.seq > l.dead.seq && (!first.happened() || at.seq < first.seq) {
			return at
		}
	}
	return first
}

// notJudged returns why nothing can be said about a prediction, or nothing: it depends on an entry
// that expired only because lablab was late.
func (b *Builder) notJudged(x *Experiment, p timeline.Prediction) say.Sentence {
	name := p.Stream + p.Flow // none in what is predicted of a rule
	for _, h := range b.hastened {
		concerned := slices.ContainsFunc(b.streams, func(s Stream) bool {
			return (name == "" || name == s.Name) && (s.has(h.orig) || s.has(h.reply))
		})
		if concerned && h.needed.experiment <= x.Number {
			return say.F("lablab was stopped or slow for %s, so a conntrack entry on %s expired too early", rounded(h.late), h.host)
		}
	}
	return say.Sentence{}
}

// exitNotJudged returns why nothing can be said about a program's exit code, or nothing: it is not the
// expected one, and lablab did not run for a while, so the program may have come too late, or have
// had too little time.
func (b *Builder) exitNotJudged(x *Experiment, ran timeline.Ran, at time.Duration) say.Sentence {
	late := b.lives.timing.between(x.begunAt, at)
	if late == 0 || ran.Exit == ran.Expected {
		return say.Sentence{}
	}
	return say.F("lablab was stopped or slow for %s, which may be why the program failed", rounded(late))
}

// rounded returns a duration in tenths of seconds, or in milliseconds if it is short.
func rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
