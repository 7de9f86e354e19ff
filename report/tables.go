package report

import (
	"bytes"
	"fmt"
	"strings"

	"lablab/sg"
)

// entries lists the conntrack entries at the end of the last experiment that was begun.
func (t *Text) entries(b *bytes.Buffer, r *Report) {
	last := 0
	for _, f := range r.Flows {
		last = max(last, f.Experiment)
	}
	if last == 0 {
		return
	}
	when := "at the end of"
	if x := r.Experiment(last); x != nil && !x.Complete {
		when = "in the middle of"
	}
	t.heading(b, fmt.Sprintf("Conntrack %s experiment %d", when, last))
	for _, host := range r.Hosts {
		for _, f := range r.Flows {
			if f.Experiment == last && f.Host == host.Name {
				t.entry(b, r, f)
			}
		}
	}
}

func (t *Text) entry(b *bytes.Buffer, r *Report, f Flow) {
	whose := "somebody else's"
	if f.Stream != nil {
		whose = "stream " + *f.Stream
	}
	for _, c := range r.Canaries {
		if c.Packet == f.key() {
			whose = "the canary"
		}
	}
	t.paragraph(b, "  "+f.Host+"  ", bold, whose+", "+f.admission())
	t.paragraph(b, "     ", plain, fmt.Sprintf("%s  %s", f.key(), strings.Join(f.Status, " ")))
	t.paragraph(b, "     ", plain, fmt.Sprintf("%d sent (%d bytes), %d back (%d bytes), %d s left, conntrack id %d",
		f.Packets, f.Bytes, f.ReplyPackets, f.ReplyBytes, f.TimeoutSeconds, f.ConntrackID))
}

// key is what conntrack tells the flow by.
func (f Flow) key() string {
	switch {
	case f.ICMPID != nil:
		return fmt.Sprintf("%s %s > %s id %d", f.Protocol, f.Source, f.Destination, *f.ICMPID)
	case f.SourcePort != nil:
		return fmt.Sprintf("%s %s:%d > %s:%d", f.Protocol, f.Source, *f.SourcePort, f.Destination, *f.DestinationPort)
	}
	return fmt.Sprintf("%s %s > %s", f.Protocol, f.Source, f.Destination)
}

// rules lists how often each rule accepted.
func (t *Text) rules(b *bytes.Buffer, r *Report) {
	if len(r.Counters) == 0 {
		return
	}
	t.heading(b, "Rules and how many packets each accepted")
	for _, host := range r.Hosts {
		for _, d := range []sg.Direction{sg.Ingress, sg.Egress} {
			var parts []string
			for _, c := range r.Counters {
				if c.Host == host.Name && c.Direction == d {
					parts = append(parts, c.text())
				}
			}
			t.paragraph(b, fmt.Sprintf("  %s  %-8s ", host.Name, d), plain, strings.Join(parts, ", "))
		}
	}
}

func (c Counter) text() string {
	name := c.Rule
	if c.Revoked {
		name += " (revoked)"
	}
	if c.NeverHit {
		return name + " never"
	}
	return fmt.Sprintf("%s %d", name, c.Packets)
}
