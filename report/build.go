package report

import (
	"cmp"
	"slices"
	"time"

	"lablab/packet"
	"lablab/timeline"
)

// Of explains a run, or as much of it as has happened.
func Of(events []timeline.Event) *Report {
	b := newBuilder()
	for _, e := range events {
		b.add(e)
	}
	return b.finish()
}

func newBuilder() *builder {
	return &builder{
		Report: &Report{
			Schema: 1, Hosts: []Host{}, Rules: []Rule{}, Canaries: []Canary{}, Experiments: []Experiment{},
			Streams: []Stream{}, Flows: []Flow{}, Events: []FlowEvent{}, Counters: []Counter{}, Why: []Paragraph{},
		},
		listed:    map[listing]bool{},
		packets:   map[string][]*journey{},
		counters:  map[counterKey]timeline.Counter{},
		lastCount: map[counterKey]timeline.Counter{},
		before:    map[counterKey]timeline.Counter{},
		missed:    map[timeline.Evidence]int{},
		lossy:     map[string]bool{},
		last:      map[string]time.Duration{},
		lives:     newLives(),
		policy:    newPolicy(),
		ruleAt:    map[uint32]int{},
		plans:     map[int]timeline.Plan{},
		hits:      map[hit]int{},
		drops:     map[stall]int{},
		manual:    manualLog{first: firstPackets{}},
	}
}

// A builder reads the events once, in order.
type builder struct {
	*Report
	packets  map[string][]*journey // by stream, then by sequence number, from 1
	order    []counterKey
	counters map[counterKey]timeline.Counter
	// The latest counters, and the totals from before a rule came back.
	lastCount, before map[counterKey]timeline.Counter
	lossy             map[string]bool           // hosts whose evidence is incomplete
	missed            map[timeline.Evidence]int // what was reported lost, and how much
	last              map[string]time.Duration  // time of the latest reply, by stream
	listed            map[listing]bool
	lives             *lives
	policy            *policy
	ruleAt            map[uint32]int // index in Rules, by number
	ready             bool           // traffic may begin
	plans             map[int]timeline.Plan
	hits              map[hit]int   // how often a rule accepted
	drops             map[stall]int // segments of a TCP connection that were seen to be dropped
	manual            manualLog
	now               when // the last event
}

// A journey is what is known about one packet.
type journey struct {
	Packet
	at       time.Duration
	answered bool
	refused  bool
	local    bool
	// For TCP: a connection is being opened for it; has been established; it was answered, but in a
	// later experiment.
	connecting, connected, belated bool
	verdicts                       []verdict
}

// A verdict is what a host's rules did with a packet, and when.
type verdict struct {
	timeline.Judged
	when
}

// A hit identifies a rule that accepts at a host in an experiment.
type hit struct {
	experiment int
	host, rule string
}

// A stall identifies a TCP stream in an experiment.
type stall struct {
	stream     string
	experiment int
}

// A listing identifies a host's conntrack table in an experiment.
type listing struct {
	experiment int
	host       string
}

type counterKey struct {
	host      string
	direction packet.Direction
	number    uint32
	rule      string
}

func (b *builder) add(e timeline.Event) {
	b.now = when{b.now.seq + 1, e.At, e.Experiment}
	b.lives.add(b.now, e.Body)
	b.policy.add(b.now, e.Body)
	if x := b.Experiment(e.Experiment); x != nil && x.byHand {
		b.manual.add(e)
		x.Done = b.manual.steps
	}
	switch body := e.Body.(type) {
	case timeline.Begun:
		b.begin(body)
	case timeline.RuleAuthorized:
		if _, known := b.ruleAt[body.Number]; !known {
			b.ruleAt[body.Number] = len(b.Rules)
		}
		b.Rules = append(b.Rules, Rule{Rule: body.Rule, Text: body.String(), AuthorizedIn: e.Experiment})
	case timeline.Ready:
		b.ready = true
	case timeline.RuleRevoked:
		if rule := b.rule(body.Number); rule != nil {
			rule.RevokedIn = &e.Experiment
		}
	case timeline.GroupsChanged:
		if i := slices.IndexFunc(b.Hosts, func(h Host) bool { return h.Name == body.Host }); i >= 0 {
			b.Hosts[i].Groups = body.Groups
		}
	case timeline.CanaryDropped:
		b.Canaries = append(b.Canaries, Canary{Host: body.Host, Packet: body.Packet.Key().String(), key: body.Packet.Key()})
	case timeline.ExperimentBegun:
		if x := b.Experiment(body.Number); x != nil {
			x.Begun = true
		}
	case timeline.ExperimentEnded:
		if x := b.Experiment(body.Number); x != nil {
			x.Complete = true
		}
	case timeline.TimedOut:
		if x := b.Experiment(e.Experiment); x != nil {
			x.Late = true
		}
	case timeline.Ran:
		if x := b.Experiment(e.Experiment); x != nil {
			x.Ran = append(x.Ran, body)
		}
	case timeline.EntryChanged:
		b.Events = append(b.Events, FlowEvent{
			AtMS: ms(e.At), Experiment: e.Experiment, Host: body.Host, Event: body.Change, Flow: body.Entry.Orig.String(),
			ConntrackID: body.Entry.ID, Stream: b.streamOf(body.Entry), Status: body.Entry.Status, KernelTime: body.Kernel,
		})
	case timeline.Dumped:
		b.dumped(e.Experiment, body)
	case timeline.Counted:
		for _, c := range body.Counters {
			b.counted(body.Host, c)
		}
	case timeline.Missed:
		b.missed[body.What] += max(body.Count, 1)
		b.lossy[body.Host] = true
	case timeline.Interrupted:
		b.Interrupted, b.InterruptBy = true, body.By
	case timeline.Ended:
		b.Failed = body.Failed
	default:
		b.addPacket(e)
	}
}

// addPacket takes the next event if it is about a stream.
func (b *builder) addPacket(e timeline.Event) {
	switch body := e.Body.(type) {
	case timeline.StreamStarted:
		b.Streams = append(b.Streams, Stream{
			Name: body.Stream, Protocol: body.Protocol.String(), From: body.From, To: body.To,
			Target: body.Target.String(), ICMPID: body.ICMPID, SourcePort: body.SourcePort, Port: body.Port, source: body.Source,
		})
	case timeline.Sent:
		j := b.journey(body.Stream, body.Seq)
		j.sent(e)
		j.connecting = body.Connecting
	case timeline.Connected:
		b.journey(body.Stream, body.Seq).connected = true
	case timeline.NotSent:
		j := b.journey(body.Stream, body.Seq)
		j.sent(e)
		j.local, j.Error = body.Local, body.Error
		j.Outcome = Unsent
	case timeline.Unreached:
		j := b.journey(body.Stream, body.Seq)
		j.Outcome, j.Error = Reset, body.Error
	case timeline.Replied:
		b.replied(e, body)
	case timeline.Judged:
		b.judged(e, body)
	}
}

func (b *builder) begin(body timeline.Begun) {
	b.Scenario, b.Title, b.Version, b.Kernel, b.Rootless = body.Scenario, body.Title, body.Version, body.Kernel, body.Rootless
	b.IntervalMS, b.TimeScale, b.Started = ms(body.Interval), body.TimeScale, body.Started
	for _, h := range body.Hosts {
		b.Hosts = append(b.Hosts, Host{Name: h.Name, Address: h.Address.Addr().String(), Groups: h.Groups})
	}
	b.File, b.Question = body.File, body.Question
	for _, p := range body.Plan {
		b.plans[p.Number] = p
		x := Experiment{Number: p.Number, Title: p.Title, Do: p.Said(), Packets: p.Packets, Line: p.Line, Predictions: []Prediction{}, byHand: p.ByHand()}
		for _, predicted := range p.Predicted {
			if predicted.Stream != "" {
				result := x.result(predicted.Stream)
				result.Predicted = Outcome(predicted.Outcome)
			}
		}
		b.Experiments = append(b.Experiments, x)
	}
}

// result returns the stream's result in the experiment.
func (x *Experiment) result(stream string) *StreamResult {
	i := slices.IndexFunc(x.Streams, func(s StreamResult) bool { return s.Stream == stream })
	if i < 0 {
		i = len(x.Streams)
		x.Streams = append(x.Streams, StreamResult{Stream: stream})
	}
	return &x.Streams[i]
}

// judged records a verdict with each packet that it is about.
func (b *builder) judged(e timeline.Event, body timeline.Judged) {
	if body.Accepted {
		b.hits[hit{e.Experiment, body.Host, body.ID}]++
	}
	if body.Stream == "" || body.Seq < 1 {
		return
	}
	s := b.Stream(body.Stream)
	tcp := s != nil && s.Protocol == packet.TCP.String()
	for seq := body.Seq; seq <= max(body.Seq, body.Last); seq++ {
		j := b.journey(body.Stream, seq)
		if tcp && !body.Reply && body.Direction == packet.Egress && j.judgedAt(body) {
			s.Retransmitted++
		}
		j.verdicts = append(j.verdicts, verdict{body, b.now})
		j.refused = j.refused || !body.Accepted
	}
	if tcp && !body.Accepted {
		b.drops[stall{body.Stream, e.Experiment}]++
	}
}

// judgedAt reports whether a packet like this one was seen at the same place before.
func (j *journey) judgedAt(v timeline.Judged) bool {
	return slices.ContainsFunc(j.verdicts, func(o verdict) bool {
		return o.Host == v.Host && o.Direction == v.Direction && o.Reply == v.Reply && o.Packet == v.Packet
	})
}

func (b *builder) replied(e timeline.Event, body timeline.Replied) {
	j := b.journey(body.Stream, body.Seq)
	rtt := ms(body.RTT)
	j.answered, j.RTTMS, j.Outcome = true, &rtt, Replied
	s := b.Stream(body.Stream)
	j.belated = s != nil && s.Protocol == packet.TCP.String() && e.Experiment > j.Experiment
	if body.Late {
		j.Outcome = Late
	}
	b.last[body.Stream] = e.At
}

// journey returns the record of one packet. The verdict may arrive before the report that the
// packet was sent.
func (b *builder) journey(stream string, seq int) *journey {
	const farthest = 1 << 20 // no packet can be further ahead of the others
	if seq < 1 || seq > len(b.packets[stream])+farthest {
		return &journey{}
	}
	for len(b.packets[stream]) < seq {
		b.packets[stream] = append(b.packets[stream], &journey{Packet: Packet{Seq: len(b.packets[stream]) + 1}})
	}
	if j := b.packets[stream][seq-1]; j != nil {
		return j
	}
	return &journey{} // forgotten
}

func (j *journey) sent(e timeline.Event) {
	j.Experiment, j.at, j.AtMS = e.Experiment, e.At, ms(e.At)
	if j.Outcome == "" {
		j.Outcome = Lost
	}
}

func (b *builder) rule(number uint32) *Rule {
	if i, known := b.ruleAt[number]; known {
		return &b.Rules[i]
	}
	return nil
}

func (b *builder) finish() *Report {
	for i := range b.Streams {
		b.finishStream(&b.Streams[i])
	}
	b.Held = !b.Interrupted && b.Failed == ""
	for i := range b.Experiments {
		b.finishExperiment(&b.Experiments[i])
		b.Held = b.Held && b.Experiments[i].Held
	}
	b.Held = b.Held && b.Predicted()
	slices.SortStableFunc(b.order, func(x, y counterKey) int {
		return cmp.Or(cmp.Compare(x.host, y.host), -cmp.Compare(x.direction, y.direction), cmp.Compare(x.number, y.number))
	})
	for _, key := range b.order {
		rule := b.rule(key.number)
		b.Counters = append(b.Counters, Counter{
			Host: key.host, Counter: b.counters[key],
			Revoked:  rule != nil && rule.RevokedIn != nil,
			NeverHit: b.counters[key].Packets == 0,
		})
	}
	b.Missed.Events = b.missed[timeline.MissedEvents]
	b.Missed.Verdicts = max(b.Missed.Verdicts, b.missed[timeline.MissedVerdicts])
	b.Why = append(b.Why, b.why()...)
	for i := range b.Streams {
		b.because(&b.Streams[i])
	}
	return b.Report
}

// finishExperiment compares the predictions with the observations.
func (b *builder) finishExperiment(x *Experiment) {
	for i := range b.Streams {
		if slices.ContainsFunc(b.packets[b.Streams[i].Name], func(j *journey) bool { return j.Outcome != "" && j.Experiment == x.Number }) {
			x.result(b.Streams[i].Name)
		}
	}
	for i := range x.Streams {
		b.finishResult(x, &x.Streams[i])
	}
	b.predict(x)
	x.Held = x.Complete && !x.Late
	for _, p := range x.Predictions {
		x.Held = x.Held && p.Held
	}
	for _, ran := range x.Ran {
		x.Held = x.Held && ran.Exit == ran.Expected
	}
}

// finishResult counts the outcomes of a stream's packets in an experiment.
func (b *builder) finishResult(x *Experiment, result *StreamResult) {
	outcomes := map[Outcome]int{}
	for _, j := range b.packets[result.Stream] {
		if j.Experiment != x.Number || j.Outcome == "" {
			continue
		}
		result.Sent++
		switch j.Outcome {
		case Replied, Late:
			result.Received++
			outcomes[Replied]++
		case Refused:
			result.Refused++
			outcomes[Refused]++
		default:
			outcomes[j.Outcome]++
		}
	}
	result.Stalled, result.Reset = outcomes[Stalled], outcomes[Reset]
	result.Observed = summary(outcomes)
	result.Held = x.Complete && (result.Predicted == "" || result.Observed == result.Predicted && result.Sent == x.Packets)
}

// summary returns the outcome that all packets share, or Mixed.
func summary(outcomes map[Outcome]int) Outcome {
	switch len(outcomes) {
	case 0:
		return Nothing
	case 1:
		for outcome := range outcomes {
			return outcome
		}
	}
	return Mixed
}
