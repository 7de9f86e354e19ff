package report

import (
	"lablab/say"
	"lablab/timeline"
)

// Live is what is known about a run while it goes on: the outcome of each packet, as in the report,
// and what is done by hand.
type Live struct {
	packets *builder
	manual  manualLog
}

// NewLive returns what is known before the first event.
func NewLive() *Live { return &Live{newBuilder(), manualLog{first: firstPackets{}}} }

// Add takes the next event, of which Outcome needs to know.
func (l *Live) Add(e timeline.Event) { l.packets.addPacket(e) }

// Outcome returns the outcome of a packet as far as it is known, or nothing.
func (l *Live) Outcome(stream string, seq int) Outcome { return l.packets.soFar(stream, seq) }

// Step adds an event of a session to Steps, and describes it if it is worth reporting.
func (l *Live) Step(e timeline.Event) say.Sentence { return l.manual.add(e) }

// Steps returns what was done by hand in the session.
func (l *Live) Steps() []ManualStep { return l.manual.steps }

// News says what a host did with the first packet of a flow that belongs to no stream, or nothing.
func (l *Live) News(j timeline.Judged) say.Sentence { return l.manual.first.news(j) }

// IsSession reports whether nothing was planned for an experiment: the user does what they like.
func IsSession(p timeline.Plan) bool { return unplanned(p) }
