package report

import (
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
)

// anotherFlow explains whether conntrack can tell the stream from an earlier one between the same
// hosts.
func (t *explainer) anotherFlow() {
	var same, other *Stream
	for i := range t.streams {
		s := &t.streams[i]
		if s.Name == t.stream.Name {
			break
		}
		if s.From != t.stream.From || s.To != t.stream.To || s.Protocol != t.stream.Protocol || s.Port != t.stream.Port {
			continue
		}
		if canonical(t.Builder.flow(s)) == canonical(t.flow) {
			same = s
		} else if other == nil {
			other = s
		}
	}
	what, traffic := say.F("ICMP id"), say.F("pings")
	if !t.stream.IsPing() {
		what, traffic = say.F("source port"), say.F("connections")
	}
	switch {
	case same != nil:
		claimed := []claims.Claim{{Kind: claims.SameFlow, Stream: t.stream.Name, Other: same.Name}}
		if t.stream.Protocol == packet.TCP.String() {
			t.say(t.outset(), "Hosts, protocol and %s are the same as for stream %s: to conntrack, this is the same flow until it sees the connection end.", what, phrase{say.As(same.Name), claimed})
			return
		}
		t.say(t.outset(), "Hosts, protocol and %s are the same as for stream %s: to conntrack, this is the same flow.", what, phrase{say.As(same.Name), claimed})
	case other != nil:
		claimed := []claims.Claim{{Kind: claims.OtherFlow, Stream: t.stream.Name, Other: other.Name}}
		t.say(t.outset(), "Hosts and protocol are the same as for stream %s, but the %s differs, and conntrack tells %s apart by that: to conntrack, this is another flow.",
			phrase{say.As(other.Name), claimed}, what, traffic)
	}
}
