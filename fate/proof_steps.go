package fate

import (
	"fmt"
	"strconv"
	"strings"

	"lablab/live"
	"lablab/packet"
)

// packets is how many packets each stream sends in an experiment.
const packets = 3

// writeExperiments writes an experiment for each moment at which a host enforces something else.
func (w *writer) writeExperiments() {
	fmt.Fprintf(&w.b, "experiments:\n")
	var predicted [][]moment
	for _, f := range w.fates {
		from, to := w.forecast.hosts.ends(f.Flow)
		predicted = append(predicted, w.forecast.moments(w.course, f.Flow, from, to))
	}
	var next []string // streams to stop
	for n, after := range w.instants() {
		title := "before the change"
		var do []string
		for _, name := range next {
			do = append(do, fmt.Sprintf("{ stop: %s }", name))
		}
		next = nil
		if n == 0 {
			do = w.acls()
		} else {
			title = called(w.Calls[w.course.calls[after-1].Call-1])
			do = append(do, w.actions(w.account(w.instants()[n-1]), w.account(after))...)
		}
		var expect []string
		for i, f := range w.fates {
			m := at(predicted[i], after)
			live := fmt.Sprintf("flow%d", i+1)
			if m.flow != nil && predicted[i][0].begins {
				if n == 0 {
					do = append(do, w.start(f.Flow, live, true))
				}
				expect = append(expect, fmt.Sprintf("%s: %s", live, outcome(f.Flow, m.alive, true)))
			}
			name := fmt.Sprintf("new%d-%d", i+1, n)
			next = append(next, name)
			do = append(do, w.start(f.Flow, name, false))
			expect = append(expect, fmt.Sprintf("%s: %s", name, outcome(f.Flow, m.begins, false)))
		}
		fmt.Fprintf(&w.b, "  - title: %s\n", strconv.Quote(title))
		fmt.Fprintf(&w.b, "    do:\n")
		for _, action := range do {
			fmt.Fprintf(&w.b, "      - %s\n", action)
		}
		fmt.Fprintf(&w.b, "    for: %d\n", packets)
		fmt.Fprintf(&w.b, "    expect: { %s }\n", strings.Join(expect, ", "))
	}
}

// acls writes the actions that put the network ACLs in front of their hosts.
func (w *writer) acls() (list []string) {
	for _, h := range w.hosts {
		if i, known := w.attached(h, 0); known && i.ACL != nil {
			list = append(list, fmt.Sprintf("{ acl: %s, on: %s }", aclText(i.ACL), h.name))
		}
	}
	return list
}

// at returns the moment that lasts after some calls.
func at(moments []moment, after int) moment {
	m := moments[0]
	for _, later := range moments[1:] {
		if later.after > after {
			break
		}
		m = later
	}
	return m
}

// start writes the action that starts a stream of a flow; the flow itself has its own port.
func (w *writer) start(f live.Flow, name string, itself bool) string {
	what, own := f.Protocol.String(), ""
	if itself && f.SourcePort > 0 {
		own = fmt.Sprintf(", source_port: %d", f.SourcePort)
	}
	if f.Protocol.IsICMP() {
		what = "ping"
		if itself && f.ICMPID > 0 {
			own = fmt.Sprintf(", id: %d", f.ICMPID)
		}
	}
	port := ""
	if what != "ping" {
		port = fmt.Sprintf(", port: %d", f.DestinationPort)
	}
	return fmt.Sprintf("{ %s: %s%s, from: %s, as: %s%s }", what, w.names[f.Destination], port, w.names[f.Source], name, own)
}

// outcome returns what a scenario calls what becomes of a stream's packets.
func outcome(f live.Flow, passes, up bool) string {
	switch {
	case passes:
		return "replied"
	case f.Protocol == packet.TCP && up:
		return "stalled"
	}
	return "refused"
}
