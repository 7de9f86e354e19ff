package report

import (
	"fmt"
	"strconv"
	"strings"

	"lablab/say"
)

// pingStatistics returns what ping(8) of iputils prints when it ends.
func (s *Stream) pingStatistics() string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s ping statistics ---\n", s.Target)
	fmt.Fprintf(&b, "%d packets transmitted, %d received, %s%% packet loss, time %.0fms\n",
		s.Sent, s.Received, percent(s.LossPercent), s.TimeMS)
	if s.RTT != nil {
		fmt.Fprintf(&b, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", s.RTT.Min, s.RTT.Avg, s.RTT.Max, s.RTT.Mdev)
	}
	return b.String()
}

// percent formats a share as ping(8) does: C's %g, six significant digits and no trailing zeros.
func percent(p float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(p, 'g', 6, 64), 64)
	return strconv.FormatFloat(rounded, 'g', -1, 64)
}

func (s *Stream) isPing() bool { return s.Port == 0 }

// what returns the two ends of a stream, and what distinguishes its flow from others.
func (s *Stream) what() say.Sentence {
	if s.isPing() {
		return say.F("ping from %s to %s, ICMP id %d", s.From, s.To, s.ICMPID)
	}
	return say.F("%s from %s port %d to %s port %d", s.Protocol, s.From, s.SourcePort, s.To, s.Port)
}

// statistics returns the totals of a TCP or UDP stream.
func (s *Stream) statistics() say.Sentence {
	parts := []say.Sentence{say.F("%d sent", s.Sent)}
	for _, c := range []struct {
		n    int
		word say.Sentence
	}{
		{s.Received, Replied.words()}, {s.Refused, Refused.words()}, {s.Stalled, Stalled.words()}, {s.Belated, say.F("of those answered later")},
		{s.Reset, Reset.words()}, {s.Lost, Lost.words()}, {s.Retransmitted, say.F("retransmitted")},
	} {
		if c.n > 0 {
			parts = append(parts, say.F("%d %s", c.n, c.word))
		}
	}
	if s.RTT != nil {
		parts = append(parts, say.F("rtt min/avg/max %.3f/%.3f/%.3f ms", s.RTT.Min, s.RTT.Avg, s.RTT.Max))
	}
	return say.List(", ", parts...)
}
