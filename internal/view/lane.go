package view

import (
	"strconv"

	"lablab/packet"
	"lablab/render"
	"lablab/report"
)

// longest is the number of packets of a stream that are kept one by one.
const longest = 600

// drawn returns the marks of the latest packets, in at most that many columns.
func drawn(outcomes []report.Outcome, columns int) line {
	if over := len(outcomes) - max(columns, 0); over > 0 {
		outcomes = outcomes[over:]
	}
	var drawn line
	for _, o := range outcomes {
		shape, style := render.Mark(o)
		if n := len(drawn); n > 0 && drawn[n-1].style == style {
			drawn[n-1] = sign(style, drawn[n-1].in(nil)+shape)
			continue
		}
		drawn = append(drawn, sign(style, shape))
	}
	return drawn
}

// word describes a stream in a few words.
func word(l report.Lane) string {
	switch l.Protocol {
	case packet.ICMP, packet.ICMPv6:
		return "ping"
	case packet.TCP, packet.UDP:
		return l.Protocol.String() + " " + strconv.Itoa(int(l.Port))
	}
	return l.Protocol.String()
}
