package view

import (
	"strconv"

	"lablab/packet"
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
		m := markOf(o)
		if n := len(drawn); n > 0 && drawn[n-1].style == m.style {
			drawn[n-1] = sign(m.style, drawn[n-1].in(nil)+m.in(nil))
			continue
		}
		drawn = append(drawn, m)
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

// markOf returns the mark of an outcome, as in the report of a run.
func markOf(o report.Outcome) span {
	switch o {
	case report.Replied:
		return sign(green, "✓")
	case report.Refused:
		return sign(red, "✗")
	case report.Late:
		return sign(yellow, "~")
	case report.Unsent:
		return sign(yellow, "!")
	case report.Stalled:
		return sign(yellow, "=")
	case report.Reset:
		return sign(red, "R")
	case report.Lost:
		return sign(yellow, "?")
	}
	return sign(dim, "·")
}
