package view

import (
	"fmt"
	"strings"

	"lablab/packet"
	"lablab/say"
)

// hitHosts returns the hosts whose counters get a column each. If there are many, one column serves
// all.
func (m *model) hitHosts() []string {
	const most = 4
	var hosts []string
	for _, h := range m.shown().hosts {
		hosts = append(hosts, h.Name)
	}
	if len(hosts) > most || m.width < 60 {
		return nil
	}
	return hosts
}

func (m *model) rulesPanel() panel {
	p := m.shown()
	hosts := m.hitHosts()
	aside := words(dim, "%*s ", hitsWidth, say.F(" hits"))
	if hosts != nil {
		aside = words(dim, " hits on")
		for i, h := range hosts {
			width := hitsWidth
			if i == 0 {
				width = 0 // as wide as needed
			}
			aside = aside.add(dim, "%*s", width, " "+string([]rune(say.Line(h))[:min(len([]rune(say.Line(h))), hitsWidth-1)]))
		}
		aside = aside.add(plain, " ")
	}
	groups := map[string]bool{}
	longest := 0
	for _, r := range p.rules {
		groups[r.group] = true
		longest = max(longest, len([]rune(r.ID)))
	}
	longest = min(longest, 20)
	// The rows for established flows are not rules and cannot be chosen, but their counters say
	// most.
	rows, place := len(p.rules), m.chosenRule()
	established := 0
	if len(p.counters) > 0 {
		established = 2
	}
	return panel{title: say.F("Rules"), aside: aside, rows: rows + established, least: 3, want: rows, chosen: place, draw: func(from, to, width int) []line {
		var lines []line
		for i := from; i < to; i++ {
			if i >= rows {
				d := []packet.Direction{packet.Ingress, packet.Egress}[i-rows]
				l := words(dim, "   %-4s %s", m.way(d, width >= withBar), say.F("established: has an entry"))
				lines = append(lines, l.between(m.Language, p.passed(d, hosts), width))
				continue
			}
			r := p.rules[i]
			l := line{sign(plain, " "), cursor(i == place, m.focus == onRules), sign(plain, " ")}
			style, name := plain, plain
			if i == place && m.focus == onRules {
				name = chosen
			}
			if r.gone {
				style, name = struck, struck
			}
			l = l.add(dim, "%-4s ", m.way(r.Direction, width >= withBar)).add(name, "%s", r.ID).add(plain, "%s", strings.Repeat(" ", max(longest-len([]rune(r.ID)), 0)+2)).add(style, "%s", r.Text)
			if len(groups) > 1 {
				l = l.add(dim, "  %s", r.group)
			}
			if r.gone {
				l = l.add(yellow, "  revoked")
			}
			lines = append(lines, l.between(m.Language, r.counted(hosts), width))
		}
		return lines
	}}
}

// way returns a direction, padded to the width of the other. Without room it uses the English word,
// which is short.
func (m *model) way(d packet.Direction, room bool) string {
	in, out := say.F("in").In(m.Language), say.F("out").In(m.Language)
	if !room {
		in, out = "in", "out"
	}
	columns := max(say.Width(in), say.Width(out))
	if d == packet.Egress {
		in = out
	}
	return in + strings.Repeat(" ", columns-say.Width(in))
}

// counted returns the rule's counters, one column per host.
func (r rule) counted(hosts []string) line {
	style := dim
	if r.lit {
		style = bold
	}
	if hosts == nil {
		sum, has := uint64(0), false
		for _, n := range r.hits {
			sum, has = sum+n, true
		}
		return number(style, sum, has).add(plain, " ")
	}
	var l line
	for _, h := range hosts {
		n, has := r.hits[h]
		l = append(l, number(style, n, has)...)
	}
	return l.add(plain, " ")
}

// passed returns the counters of packets that conntrack accepted as established.
func (p *picture) passed(d packet.Direction, hosts []string) line {
	r := rule{hits: map[string]uint64{}}
	for host, list := range p.counters {
		for _, c := range list {
			if c.Rule == packet.EstablishedID && c.Number == 0 && c.Direction == d {
				r.hits[host] = c.Packets
			}
		}
	}
	return r.counted(hosts)
}

func number(style string, n uint64, has bool) line {
	switch {
	case !has:
		return words(dim, "%*s", hitsWidth, "-")
	case n >= 10_000_000:
		return words(style, "%*s", hitsWidth, fmt.Sprintf("%dM", n/1_000_000))
	}
	return words(style, "%*d", hitsWidth, n)
}
