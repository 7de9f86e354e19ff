package render

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"lablab/say"
	"lablab/sg"
)

// openings are the signs of a table of groups and ports, in the order of its legend.
func openings() []struct {
	kind        sg.Opening
	sign, style string
	says        say.Sentence
} {
	return []struct {
		kind        sg.Opening
		sign, style string
		says        say.Sentence
	}{
		{sg.ToWorld, "●", red, say.F("open to the world")},
		{sg.ToRange, "◐", yellow, say.F("to a range")},
		{sg.ToGroup, "○", green, say.F("to a group")},
		{sg.ToUnknown, "?", yellow, say.F("unknown")},
		{sg.Closed, "·", dim, say.F("closed")},
	}
}

// Exposure writes a table of groups and ports. Columns that do not fit side by side follow below.
func (t *Text) Exposure(e sg.Exposure) error {
	var b bytes.Buffer
	signs := map[sg.Opening]string{}
	var legend []string
	for _, o := range openings() {
		signs[o.kind] = styled(o.style, o.sign)
		legend = append(legend, styled(o.style, o.sign)+" "+o.says.In(t.language))
	}
	const widest = 30 // of a group's name
	names, first := make([]string, len(e.Groups)), 0
	for i, g := range e.Groups {
		names[i] = ansi.Truncate(safe(strings.TrimSpace(g.Group+" "+g.Name)), widest, "…")
		first = max(first, width(names[i]))
	}
	labels, notes := portLabels(e.Columns)
	for from := 0; from < len(e.Columns); {
		to, used := from, 2+first
		for to < len(e.Columns) && (to == from || used+2+columnWidth(e.Columns[to], labels[to]) <= t.width) {
			used += 2 + columnWidth(e.Columns[to], labels[to])
			to++
		}
		line := func(name string, cell func(int) string) {
			var l strings.Builder
			fmt.Fprintf(&l, "  %s%s", name, strings.Repeat(" ", first-width(name)))
			for c := from; c < to; c++ {
				text := cell(c)
				l.WriteString("  " + text + strings.Repeat(" ", columnWidth(e.Columns[c], labels[c])-width(text)))
			}
			b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
		}
		line("", func(c int) string { return e.Columns[c].Protocol })
		line("", func(c int) string { return labels[c] })
		for i, g := range e.Groups {
			line(names[i], func(c int) string { return signs[g.Openings[c]] })
		}
		b.WriteByte('\n')
		from = to
	}
	if len(e.Columns) == 0 {
		t.paragraph(&b, "", plain, say.F("No group allows anything in."))
		return t.flush(&b)
	}
	for _, n := range notes {
		t.paragraph(&b, "  ", dim, say.As(n))
	}
	b.WriteString("  " + strings.Join(legend, "  ") + "\n")
	return t.flush(&b)
}

func columnWidth(c sg.PortColumn, label string) int { return max(len(c.Protocol), len(label)) }

// portLabels returns what stands above each column: its ports, or a letter that a note explains.
func portLabels(columns []sg.PortColumn) (labels, notes []string) {
	for _, c := range columns {
		var ports []string
		for _, p := range c.Ports {
			if p[0] == p[1] {
				ports = append(ports, fmt.Sprint(p[0]))
			} else {
				ports = append(ports, fmt.Sprintf("%d-%d", p[0], p[1]))
			}
		}
		label := strings.Join(ports, ",")
		const most = 11 // as long as 10000-20000
		switch {
		case label == "0-65535" || label == "0-255":
			label = "all"
		case len(label) > most:
			label = fmt.Sprintf("(%d)", len(notes)+1)
			notes = append(notes, fmt.Sprintf("%s %s: %s", label, c.Protocol, strings.Join(ports, ", ")))
		}
		labels = append(labels, label)
	}
	return labels, notes
}
