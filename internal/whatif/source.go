package whatif

import (
	"time"

	"lablab/live"
	"lablab/packet"
	"lablab/say"
)

// A Source is where connections come from.
type Source struct {
	File     string         `json:"file"`
	Kind     live.Kind      `json:"kind"`
	Lines    int            `json:"lines"`
	Flows    int            `json:"flows"`
	New      int            `json:"new"`
	Rejected int            `json:"rejected"`
	Until    *time.Time     `json:"until,omitempty"`
	Notes    []say.Sentence `json:"notes"`
	protocol map[packet.Protocol]int
}

func sourceOf(f *live.Flows) Source {
	s := Source{File: f.File, Kind: f.Kind, Lines: f.Lines, Flows: len(f.All), Notes: append([]say.Sentence{}, f.Notes...), protocol: map[packet.Protocol]int{}}
	if !f.Until.IsZero() {
		s.Until = &f.Until
	}
	for _, one := range f.All {
		switch {
		case one.New:
			s.New++
		case one.Rejected:
			s.Rejected++
		}
		s.protocol[one.Protocol]++
	}
	return s
}

// said returns the source as a line, with its kind and how many flows it has.
func (s Source) said() say.Sentence {
	kind := map[live.Kind]say.Sentence{
		live.Conntrack: say.F("conntrack"), live.ConntrackXML: say.F("conntrack, XML"), live.Sockets: say.F("ss"), live.FlowLogs: say.F("VPC flow log"),
		live.Lines: say.F("JSON Lines"), live.Lab: say.F("running lab"), live.Invented: say.F("invented"),
	}[s.Kind]
	total := say.N(s.Flows, "%d flow", "%d flows")
	var protocols []say.Sentence
	for _, p := range []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6} {
		if n := s.protocol[p]; n > 0 {
			protocols = append(protocols, say.F("%d %s", n, p))
		}
	}
	if len(protocols) > 0 {
		total = say.F("%s: %s", total, say.List(", ", protocols...))
	}
	if s.Kind == live.Invented {
		return say.F("Flows: %s", total)
	}
	counts := []say.Sentence{total}
	if s.New > 0 {
		counts = append(counts, say.F("%d would begin", s.New))
	}
	if s.Rejected > 0 {
		counts = append(counts, say.F("%d dropped today", s.Rejected))
	}
	return say.F("Flows: %s (%s), %s", s.File, kind, say.List("; ", counts...))
}
