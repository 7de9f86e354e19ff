package report

import (
	"cmp"
	"slices"

	"lablab/packet"
	"lablab/timeline"
)

// A Builder explains a timeline while it grows. It takes each event once.
type Builder struct {
	report *Report
	traffic
	history
	order    []counterKey
	counters map[counterKey]timeline.Counter
	// The latest counters, and the totals from before a rule came back.
	lastCount, before map[counterKey]timeline.Counter
	evidence          []timeline.Evidence // what the target can report
	lossy             map[string]bool     // hosts whose evidence is incomplete
	lost              timeline.Losses     // what was reported lost, and how much
	listed            map[listing]bool
	ruleAt            map[uint32]int // index in the report's Rules, by number
	plans             map[int]timeline.Plan
	asks              int         // the experiment that the scenario asks about; 0 for the first that surprises
	askAbout          string      // the stream; "" for the first that surprises
	hits              map[hit]int // how often a rule accepted
	manual            manualLog
	timed             bool // waits and programs are known
	waits, programs   []pause
	hastened          []hastening
	deletions         *deletions
}

// NewBuilder returns a builder that has seen no event.
func NewBuilder() *Builder {
	return &Builder{
		report: &Report{
			Schema: 1, Hosts: []Host{}, Rules: []Rule{}, Canaries: []Canary{}, Experiments: []Experiment{},
			Streams: []Stream{}, Flows: []Flow{}, Events: []FlowEvent{}, Counters: []Counter{}, Why: []Paragraph{},
		},
		traffic:   newTraffic(),
		history:   newHistory(),
		listed:    map[listing]bool{},
		counters:  map[counterKey]timeline.Counter{},
		lastCount: map[counterKey]timeline.Counter{},
		before:    map[counterKey]timeline.Counter{},
		lost:      timeline.Losses{},
		lossy:     map[string]bool{},
		ruleAt:    map[uint32]int{},
		plans:     map[int]timeline.Plan{},
		hits:      map[hit]int{},
		manual:    manualLog{first: firstPackets{}},
		deletions: newDeletions(),
	}
}

// Of explains a run, or as much of it as has happened.
func Of(events []timeline.Event) *Report {
	b := NewBuilder()
	for _, e := range events {
		b.Add(e)
	}
	return b.finish()
}

// A hit identifies a rule that accepts at a host in an experiment.
type hit struct {
	experiment int
	host, rule string
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

// Add takes the next event. It takes the same time however many there were before.
func (b *Builder) Add(e timeline.Event) {
	b.history.add(e)
	if x := b.report.Experiment(e.Experiment); x != nil && x.byHand {
		b.manual.add(e)
		x.Done = b.manual.steps
	}
	switch body := e.Body.(type) {
	case timeline.Begun:
		b.begin(body)
	case timeline.RuleAuthorized:
		if _, known := b.ruleAt[body.Number]; !known {
			b.ruleAt[body.Number] = len(b.report.Rules)
		}
		b.report.Rules = append(b.report.Rules, Rule{Rule: body.Rule, Text: body.String(), AuthorizedIn: e.Experiment})
	case timeline.RuleRevoked:
		if rule := b.rule(body.Number); rule != nil {
			rule.RevokedIn = &e.Experiment
		}
	case timeline.GroupsChanged:
		if i := slices.IndexFunc(b.report.Hosts, func(h Host) bool { return h.Name == body.Host }); i >= 0 {
			b.report.Hosts[i].Groups = body.Groups
		}
	case timeline.CanaryDropped:
		b.report.Canaries = append(b.report.Canaries, Canary{Host: body.Host, Packet: body.Packet.Key().String(), key: body.Packet.Key()})
	case timeline.ExperimentBegun:
		if x := b.report.Experiment(body.Number); x != nil {
			x.Begun, x.begunAt = true, e.At
		}
	case timeline.ExperimentEnded:
		if x := b.report.Experiment(body.Number); x != nil {
			x.Complete = true
		}
	case timeline.TimedOut:
		if x := b.report.Experiment(e.Experiment); x != nil {
			x.Late = true
		}
	case timeline.Waited:
		b.waits = append(b.waits, pause{e.At, body.For})
	case timeline.Ran:
		b.programs = append(b.programs, pause{e.At, body.Took})
		if x := b.report.Experiment(e.Experiment); x != nil {
			x.Ran, x.ranAt = append(x.Ran, body), append(x.ranAt, e.At)
		}
	case timeline.Cut:
		b.deletions.cut(e.At, body)
	case timeline.EntryChanged:
		b.deletions.changed(e.At, body)
		b.report.Events = append(b.report.Events, FlowEvent{
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
		b.lost.Add(body)
		b.lossy[body.Host] = true
	case timeline.Interrupted:
		b.report.Interrupted, b.report.InterruptBy = true, body.By
	case timeline.Ended:
		b.report.Failed = body.Failed
	case timeline.Judged:
		if body.Accepted || body.Kind == packet.ByRuleset {
			b.hits[hit{e.Experiment, body.Host, body.ID}]++
		}
		b.traffic.add(b.now, e)
	default:
		b.traffic.add(b.now, e)
	}
}

func (b *Builder) begin(body timeline.Begun) {
	b.report.Scenario, b.report.Title, b.report.Version, b.report.Kernel, b.report.Rootless = body.Scenario, body.Title, body.Version, body.Kernel, body.Rootless
	b.report.Target, b.report.IntervalMS, b.report.TimeScale, b.report.Started = body.Target, ms(body.Interval), body.TimeScale, body.Started
	for _, h := range body.Hosts {
		host := Host{Name: h.Name, Address: h.Address.Addr().String(), Groups: h.Groups, Forwards: h.Forwards, Masquerade: h.Masquerade, Model: h.Model, Product: h.Product, Ruleset: h.Ruleset}
		if h.Second.IsValid() {
			host.Second = h.Second.Addr().String()
		}
		b.report.Hosts = append(b.report.Hosts, host)
	}
	b.report.File, b.report.Question, b.timed = body.File, body.Question, body.Timed
	b.report.LeftOut, b.asks, b.askAbout = body.LeftOut, body.Ask, body.AskAbout
	if b.evidence = body.Evidence; b.evidence == nil { // an older record, which is a kernel's
		b.evidence = timeline.AllEvidence()
	}
	for _, p := range body.Plan {
		b.plans[p.Number] = p
		x := Experiment{Number: p.Number, Title: p.Title, Do: p.Said(), Packets: p.Packets, Line: p.Line, Predictions: []Prediction{}, byHand: p.ByHand()}
		for _, predicted := range p.Predicted {
			if predicted.Stream != "" {
				result := x.result(predicted.Stream)
				result.Predicted = Outcome(predicted.Outcome)
			}
		}
		b.report.Experiments = append(b.report.Experiments, x)
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

func (b *Builder) rule(number uint32) *Rule {
	if i, known := b.ruleAt[number]; known {
		return &b.report.Rules[i]
	}
	return nil
}

func (b *Builder) finish() *Report {
	b.report.Streams = b.streams
	b.report.Deleted = b.deletions.result()
	for i := range b.streams {
		b.finishStream(&b.streams[i])
	}
	b.hastened = b.findHastened()
	b.report.Held = !b.report.Interrupted && b.report.Failed == ""
	for i := range b.report.Experiments {
		b.finishExperiment(&b.report.Experiments[i])
		b.report.Held = b.report.Held && b.report.Experiments[i].Held
	}
	b.report.Held = b.report.Held && b.report.Predicted()
	slices.SortStableFunc(b.order, func(x, y counterKey) int {
		return cmp.Or(cmp.Compare(x.host, y.host), -cmp.Compare(x.direction, y.direction), cmp.Compare(x.number, y.number))
	})
	for _, key := range b.order {
		rule := b.rule(key.number)
		b.report.Counters = append(b.report.Counters, Counter{
			Host: key.host, Counter: b.counters[key],
			Revoked:  rule != nil && rule.RevokedIn != nil,
			NeverHit: b.counters[key].Packets == 0,
		})
	}
	b.report.Missed.Events = b.lost.Of(timeline.MissedEvents)
	b.report.Missed.Verdicts = max(b.report.Missed.Verdicts, b.lost.Of(timeline.MissedVerdicts))
	b.report.Why = append(b.report.Why, b.why()...)
	for i := range b.streams {
		b.because(&b.streams[i])
	}
	b.report.Ask = b.asking()
	return b.report
}

// finishExperiment compares the predictions with the observations.
func (b *Builder) finishExperiment(x *Experiment) {
	for i := range b.streams {
		if slices.ContainsFunc(b.packets[b.streams[i].Name], func(j *journey) bool { return j.Outcome != "" && j.Experiment == x.Number }) {
			x.result(b.streams[i].Name)
		}
	}
	for i := range x.Streams {
		b.finishResult(x, &x.Streams[i])
	}
	b.predict(x)
	x.Held = x.Complete && !x.Late
	x.excused = nil
	for i, ran := range x.Ran {
		x.excused = append(x.excused, b.exitNotJudged(x, ran, x.ranAt[i]))
	}
	for _, p := range x.Compared() {
		x.Held = x.Held && p.Held
		if x.NotJudged.Empty() {
			x.NotJudged = p.NotJudged
		}
	}
}

// finishResult counts the outcomes of a stream's packets in an experiment.
func (b *Builder) finishResult(x *Experiment, result *StreamResult) {
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
	if result.Sent > 0 {
		result.Grade = b.gradeOf(result.Stream, x.Number)
	}
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
