package report

import (
	"slices"
	"time"

	"lablab/say"
	"lablab/timeline"
)

// Live is what is known of the streams while their lab goes on: the outcome of each packet, as the
// report decides it, and what is done by hand.
type Live struct {
	traffic
	manual manualLog
	lanes  []*Lane
	keep   int // the least number of packets of a stream to know one by one; 0 for all
	now    time.Duration
}

// A Lane is a stream and the outcomes of its packets so far.
type Lane struct {
	timeline.StreamStarted
	Sent     int // every packet that was tried
	Outcomes map[Outcome]int
	Latest   []Outcome // of the latest packets, oldest first
	Stopped  bool
	Failed   say.Sentence // why it failed, if it did
	// Packets up to that number are forgotten: only Sent and Outcomes count them.
	forgotten int
	// experiment is the one in which it last sent a packet; here counts the packets in it.
	experiment, here int
}

// NewLive returns what is known before the first event. Of each stream it keeps at least the latest
// packets, as many as keep says; 0 keeps all.
func NewLive(keep int) *Live {
	return &Live{traffic: newTraffic(), manual: manualLog{first: firstPackets{}}, keep: keep}
}

// Add takes the next event.
func (l *Live) Add(e timeline.Event) {
	l.now = e.At
	l.traffic.add(when{at: e.At, experiment: e.Experiment}, e)
	switch body := e.Body.(type) {
	case timeline.StreamStarted:
		l.lanes = append(l.lanes, &Lane{StreamStarted: body, Outcomes: map[Outcome]int{}})
	case timeline.StreamStopped:
		if lane := l.lane(body.Stream); lane != nil {
			lane.Stopped, lane.Failed = true, body.Why()
		}
	case timeline.Sent:
		l.sent(e.Experiment, body.Stream)
	case timeline.NotSent:
		l.sent(e.Experiment, body.Stream)
	}
}

func (l *Live) sent(experiment int, stream string) {
	lane := l.lane(stream)
	if lane == nil {
		return
	}
	if lane.experiment != experiment {
		lane.experiment, lane.here = experiment, 0
	}
	lane.here++
	l.forget(lane)
}

// Outcome returns the outcome of a packet as far as it is known, or nothing.
func (l *Live) Outcome(stream string, seq int) Outcome { return l.soFar(stream, seq) }

// In returns how many packets a stream has sent in an experiment, and the outcomes of the latest of
// them, at most n, in order; nothing for those that are not known yet.
func (l *Live) In(experiment int, stream string, n int) (sent int, latest []Outcome) {
	lane := l.lane(stream)
	if lane == nil || lane.experiment != experiment {
		return 0, nil
	}
	for _, j := range slices.Backward(l.packets[stream]) {
		if j == nil || j.Experiment < experiment && j.Outcome != "" || len(latest) >= n {
			break
		}
		if j.Outcome != "" {
			latest = append(latest, l.Outcome(stream, j.Seq))
		}
	}
	slices.Reverse(latest)
	return lane.here, latest
}

// Lanes returns all streams as they are at a time, in the order in which they started.
func (l *Live) Lanes(at time.Duration) []Lane {
	lanes := make([]Lane, 0, len(l.lanes))
	for _, known := range l.lanes {
		lane := *known
		lane.Outcomes = map[Outcome]int{}
		for outcome, n := range known.Outcomes {
			lane.Outcomes[outcome] = n
		}
		for _, j := range l.packets[lane.Stream][lane.forgotten:] {
			if j.Outcome == "" {
				continue // has a verdict, but its sender has not yet reported it
			}
			outcome := l.at(at, lane.StreamStarted, j)
			lane.Sent++
			lane.Outcomes[outcome]++
			lane.Latest = append(lane.Latest, outcome)
		}
		lanes = append(lanes, lane)
	}
	return lanes
}

// at returns the outcome of a packet as a person would see it at a time: it waits until something
// has happened to it, or nothing has for too long.
func (l *Live) at(at time.Duration, s timeline.StreamStarted, j *journey) Outcome {
	outcome := l.Outcome(s.Stream, j.Seq)
	undecided := outcome == "" || outcome == Stalled && !j.refused && !j.answered
	switch {
	case undecided && at-j.at < patience+patience/2:
		return Waiting
	case outcome == "":
		return Lost
	}
	return outcome
}

// forget counts the oldest packets of a stream and forgets them.
func (l *Live) forget(lane *Lane) {
	journeys := l.packets[lane.Stream]
	if l.keep == 0 || len(journeys)-lane.forgotten < 2*l.keep {
		return
	}
	until := len(journeys) - l.keep
	for i := lane.forgotten; i < until; i++ {
		if j := journeys[i]; j.Outcome != "" {
			lane.Sent++
			lane.Outcomes[l.at(l.now, lane.StreamStarted, j)]++
		}
		journeys[i] = nil
	}
	lane.forgotten = until
}

// lane returns the latest stream with that name, or nil.
func (l *Live) lane(stream string) *Lane {
	for _, lane := range slices.Backward(l.lanes) {
		if lane.Stream == stream {
			return lane
		}
	}
	return nil
}

// Received is the number of packets that were answered.
func (l Lane) Received() int { return l.Outcomes[Replied] + l.Outcomes[Late] }

// Step adds an event of a session to Steps, and describes it if it is worth reporting.
func (l *Live) Step(e timeline.Event) say.Sentence { return l.manual.add(e) }

// Steps returns what was done by hand in the session.
func (l *Live) Steps() []ManualStep { return l.manual.steps }

// News says what a host did with the first packet of a flow that belongs to no stream, or nothing.
func (l *Live) News(j timeline.Judged) say.Sentence { return l.manual.first.news(j) }
