package report

import (
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/timeline"
)

// firsts is who judged a flow last, by the host and the flow. Of what programs send only
// the first packet is worth telling, and the first after a rule has changed.
type firsts map[string]string

// tell says what became of a packet that is of no stream, unless that is old news.
func (f firsts) tell(j timeline.Judged) say.Sentence {
	letIn := j.Accepted && j.Direction == packet.Ingress && j.Number != 0
	if j.Stream != "" || !letIn && j.Accepted {
		return say.Sentence{}
	}
	const most = 10_000 // flows that are remembered
	if len(f) >= most {
		clear(f)
	}
	packet, _, _ := strings.Cut(j.Packet, " seq ") // of an echo
	packet, _, _ = strings.Cut(packet, " [")       // TCP's flags
	flow := j.Host + " " + packet
	if f[flow] == j.Rule {
		return say.Sentence{}
	}
	f[flow] = j.Rule
	switch {
	case j.Accepted:
		return say.F("rule %s allows a new flow on %s: %s", j.Rule, j.Host, packet)
	case j.Rule == timeline.DefaultDeny:
		return say.F("%s drops a flow that no rule allows: %s", j.Host, packet)
	}
	return say.F("%s drops a flow, by %s: %s", j.Host, j.Rule, packet)
}
