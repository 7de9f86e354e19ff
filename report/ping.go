package report

import (
	"fmt"
	"strconv"
	"strings"
)

// pingStatistics is what ping(8) of iputils prints when it ends.
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

// percent is a share as ping(8) prints it: C's %g, six significant digits and no
// trailing zeros.
func percent(p float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(p, 'g', 6, 64), 64)
	return strconv.FormatFloat(rounded, 'g', -1, 64)
}
