package render

import (
	"fmt"
	"strconv"
	"strings"

	"lablab/report"
	"lablab/say"
)

// pingStatistics returns what ping(8) of iputils prints when it ends.
func pingStatistics(s *report.Stream) string {
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

// figures returns what is known of a stream in figures, as the text report has them.
func figures(s *report.Stream) say.Sentence {
	if s.IsPing() {
		return say.As(strings.TrimSuffix(pingStatistics(s), "\n"))
	}
	return statistics(s)
}

// statistics returns the totals of a TCP or UDP stream.
func statistics(s *report.Stream) say.Sentence {
	parts := []say.Sentence{say.F("%d sent", s.Sent)}
	for _, c := range []struct {
		n    int
		word say.Sayer
	}{
		{s.Received, report.Replied}, {s.Refused, report.Refused}, {s.Stalled, report.Stalled}, {s.Belated, say.F("of those answered later")},
		{s.Reset, report.Reset}, {s.Lost, report.Lost}, {s.Retransmitted, say.F("retransmitted")},
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
