package report

import (
	"time"

	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
	"lablab/timeline"
)

// A history is what explanations rest on, apart from the packets: the conntrack entries, and what the
// groups allowed.
type history struct {
	now    when // the last event
	byHand bool // nothing was planned: that all is one experiment says nothing
	lives  *lives
	policy *policy
	models models
	forged map[packet.Key]forgery // by what the packet looks like
}

// A forgery is a packet that a host has sent in the name of another one.
type forgery struct {
	when
	host string
}

// A when is a place in the timeline.
type when struct {
	seq        uint64 // number of the event, as counted by the reader
	at         time.Duration
	experiment int
}

// happened reports whether there is such a place.
func (w when) happened() bool { return w.seq > 0 }

func newHistory() history {
	return history{lives: newLives(), policy: newPolicy(), forged: map[packet.Key]forgery{}}
}

func (h *history) add(e timeline.Event) {
	h.now = when{h.now.seq + 1, e.At, e.Experiment}
	if begun, is := e.Body.(timeline.Begun); is {
		h.models = modelsOf(begun)
		h.byHand = len(begun.Plan) == 1 && begun.Plan[0].ByHand()
	}
	if f, is := e.Body.(timeline.Forged); is {
		h.forged[f.Packet.Key()] = forgery{h.now, f.Host}
	}
	h.lives.add(h.now, e.Body)
	h.policy.add(h.now, e.Body)
}

// inExperiment says in which experiment something happened, if that says anything.
func (h *history) inExperiment(experiment int) say.Sentence {
	if h.byHand {
		return say.Sentence{}
	}
	return inExperiment(experiment)
}

// sinceExperiment says since which experiment something holds, if that says anything.
func (h *history) sinceExperiment(experiment int) say.Sentence {
	if h.byHand {
		return say.Sentence{}
	}
	return sinceExperiment(experiment)
}

// forger says which host sent the forged packet that created an entry, or nothing.
func (h *history) forger(r run) phrase {
	l := r.entry
	if l == nil || !l.creator.happened() || l.creator.stream != "" {
		return phrase{}
	}
	f, forged := h.forged[l.orig]
	if !forged || f.seq > l.creator.seq {
		return phrase{}
	}
	return phrase{say.As(f.host), r.claim(claims.Claim{Kind: claims.Forged, Entry: l.ref(), Change: f.seq, Other: f.host})}
}
