package report

import (
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// A ManualStep is one action by hand, or its result, and when it happened.
type ManualStep struct {
	AtMS float64      `json:"at_ms"` // since the beginning
	What say.Sentence `json:"what"`
	host string       // on which entries were deleted
	cuts int          // number of entries deleted
}

// A manualLog lists what was done by hand, in order.
type manualLog struct {
	first firstPackets
	steps []ManualStep
}

// add takes the next event and describes it if it is worth reporting.
func (d *manualLog) add(e timeline.Event) (what say.Sentence) {
	step := ManualStep{AtMS: ms(e.At)}
	if judged, ok := e.Body.(timeline.Judged); ok {
		step.What = d.first.news(judged)
	} else {
		step.What = describe(e.Body)
	}
	if step.What.Empty() {
		return step.What
	}
	if cut, ok := e.Body.(timeline.Cut); ok {
		step.host, step.cuts = cut.Host, 1
		if n := len(d.steps) - 1; n >= 0 && d.steps[n].with(step) {
			d.steps[n].cuts++
			d.steps[n].What = say.F("delete %d conntrack entries on %s", d.steps[n].cuts, cut.Host)
			return step.What
		}
	}
	d.steps = append(d.steps, step)
	return step.What
}

// with reports whether both delete entries on the same host, as one command does.
func (d ManualStep) with(next ManualStep) bool {
	const oneCommand = 100 // ms
	return d.cuts > 0 && d.host == next.host && next.AtMS-d.AtMS < oneCommand
}

// describe says what was done, in the words of experiments, or nothing.
func describe(e timeline.Body) say.Sentence {
	switch body := e.(type) {
	case timeline.RuleRevoked:
		return sg.Revoke{Group: body.Group, IDs: []string{body.ID}}.Said()
	case timeline.RuleAuthorized:
		if body.Existing { // it came with the group that a host got
			return say.Sentence{}
		}
		return sg.Authorize{Group: body.Group, Rules: []sg.Rule{body.Rule.Rule}}.Said()
	case timeline.GroupsChanged:
		return sg.Attach{Interface: body.Host, Groups: body.Groups}.Said()
	case timeline.ACLChanged:
		return sg.SetACL{Interface: body.Host, ACL: body.ACL}.Said()
	case timeline.PrefixListChanged:
		return body.Said()
	case timeline.Cut:
		if body.Why == timeline.CutAsked {
			return say.F("delete the conntrack entry of %s on %s", body.Flow, body.Host)
		}
	case timeline.StreamStarted:
		switch body.Protocol {
		case packet.TCP:
			return say.F("start stream %s: tcp to %s port %d from %s", body.Stream, body.To, body.Port, body.From)
		case packet.UDP:
			return say.F("start stream %s: udp to %s port %d from %s", body.Stream, body.To, body.Port, body.From)
		}
		return say.F("start stream %s: ping %s from %s", body.Stream, body.To, body.From)
	case timeline.StreamStopped:
		if body.Error != "" {
			return say.F("stream %s failed: %s", body.Stream, body.Why())
		}
		return say.F("stop stream %s", body.Stream)
	}
	return say.Sentence{}
}
