package report

import (
	"lablab/packet"
	"lablab/say"
	"lablab/timeline"
)

// firstPackets holds the last decision about each flow. Of the packets that programs send, only the
// first is worth reporting, and the first after a rule has changed.
type firstPackets map[flowAt]packet.By

// news says what happened to a packet without a stream, unless that is old news.
func (f firstPackets) news(j timeline.Judged) say.Sentence {
	admitted := j.Accepted && j.Direction == packet.Ingress && j.Number != 0
	if j.Stream != "" || !admitted && j.Accepted {
		return say.Sentence{}
	}
	const most = 10_000 // number of flows to keep
	if len(f) >= most {
		clear(f)
	}
	flow := flowAt{j.Host, j.Packet.Key()}
	if f[flow] == j.By {
		return say.Sentence{}
	}
	f[flow] = j.By
	switch {
	case j.Accepted:
		return say.F("rule %s allows a new flow on %s: %s", j.ID, j.Host, flow.flow)
	case j.Kind == packet.ByDefault:
		return say.F("%s drops a flow that no rule allows: %s", j.Host, flow.flow)
	}
	return say.F("%s drops a flow, by %s: %s", j.Host, j.ID, flow.flow)
}
