package render

import (
	"bytes"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"lablab/packet"
	"lablab/report"
	"lablab/say"
)

// entries lists the conntrack entries at the end of the last experiment that was started.
func (t *Text) entries(b *bytes.Buffer, r *report.Report) {
	last := 0
	for _, f := range r.Flows {
		last = max(last, f.Experiment)
	}
	if last == 0 {
		return
	}
	when := say.F("Conntrack at the end of experiment %d", last)
	if x := r.Experiment(last); x != nil && !x.Complete {
		when = say.F("Conntrack in the middle of experiment %d", last)
	}
	t.heading(b, when)
	var senders []string
	for _, host := range r.Hosts {
		for _, f := range r.Flows {
			switch {
			case f.Experiment != last || f.Host != host.Name:
			case r.IsCanary(f):
				senders = append(senders, host.Name)
			default:
				t.entry(b, r, f)
			}
		}
	}
	if len(senders) > 0 {
		t.paragraph(b, "  ", dim, say.F("(Self-check entries on %s are not shown.)", say.Names(" and on ", senders...)))
	}
}

func (t *Text) entry(b *bytes.Buffer, r *report.Report, f report.Flow) {
	whose := say.F("not a stream of this run")
	switch x := r.Experiment(f.Experiment); {
	case f.Stream != nil:
		whose = say.F("stream %s", *f.Stream)
	case x != nil && x.ByHand():
		whose = say.F("by hand")
	}
	t.paragraph(b, "  "+f.Host+"  ", bold, say.F("%s, %s", whose, f.Admission()))
	t.paragraph(b, "     ", plain, say.F("%s  %s", f.Key(), strings.Join(f.State(), " ")))
	if f.Packets > 0 { // or the counters were not read
		t.paragraph(b, "     ", plain, say.F("%d sent (%d bytes), %d back (%d bytes), %d s left", f.Packets, f.Bytes, f.ReplyPackets, f.ReplyBytes, f.TimeoutSeconds))
	}
	t.paragraph(b, "     ", dim, say.F("conntrack id %d", f.ConntrackID))
}

// rules lists how often each rule accepted, host by host.
func (t *Text) rules(b *bytes.Buffer, r *report.Report) {
	if len(r.Counters) == 0 {
		return
	}
	t.heading(b, say.F("Packets accepted by each rule"))
	w := newTable()
	header := t.row("", say.F("rule"))
	for _, host := range r.Hosts {
		header = append(header, t.language.Sprintf("on %s", host.Name))
	}
	w.AppendHeader(header)
	type line struct {
		direction packet.Direction
		number    uint32
	}
	var order []line
	rows := map[line]table.Row{}
	for _, c := range r.Counters {
		l := line{c.Direction, c.Number}
		if rows[l] == nil {
			order = append(order, l)
			name := say.As(c.Rule)
			if c.Revoked {
				name = say.F("%s (revoked)", c.Rule)
			}
			rows[l] = t.row(t.way(c.Direction), name)
			for range r.Hosts {
				rows[l] = append(rows[l], "-") // that host does not have the rule
			}
		}
		i := slices.IndexFunc(r.Hosts, func(h report.Host) bool { return h.Name == c.Host })
		rows[l][2+i] = times(c).In(t.language)
	}
	for _, l := range order {
		w.AppendRow(rows[l])
	}
	writeTable(b, w)
}

// times says how often the rule accepted.
func times(c report.Counter) say.Sentence {
	if c.NeverHit {
		return say.F("never")
	}
	return say.F("%d", c.Packets)
}

// way returns a word for a direction: the English one, which is short, where there is no room for
// another.
func (t *Text) way(d packet.Direction) say.Sentence {
	const narrow = 60
	if t.width < narrow {
		return say.As(wayOf(d).String())
	}
	return wayOf(d)
}

// wayOf returns a word for a direction.
func wayOf(d packet.Direction) say.Sentence {
	if d == packet.Ingress {
		return say.F("in")
	}
	return say.F("out")
}
