package view

import (
	"fmt"
	"slices"
	"strings"

	"lablab/flow"
	"lablab/say"
)

func (m *model) entriesPanel(width int) panel {
	p := m.shown()
	entries, place := p.entries.All(), m.chosenEntry()
	aside := line{}
	if width >= withBar {
		aside = words(dim, " + new  * refreshed  ! expiring  × gone ")
	}
	return panel{title: say.F("Conntrack"), aside: aside, rows: max(len(entries), 1), least: 3, want: len(entries), chosen: place, draw: func(from, to, width int) []line {
		if len(entries) == 0 {
			return []line{words(dim, "   no entry")}
		}
		hosts, time := 0, 6
		for _, e := range entries[from:to] {
			hosts = max(hosts, say.Width(e.Host))
			time = max(time, say.Width(secondsOf(e.TimeoutSeconds).In(m.Language)))
		}
		var lines []line
		for i := from; i < to; i++ {
			e := entries[i]
			here := i == place
			l := line{sign(plain, " "), cursor(here, m.focus == onEntries), sign(plain, " "), styleOf(e.Mark)}
			style := plain
			switch {
			case e.Mark == Gone:
				style = struck
			case here && m.focus == onEntries:
				style = chosen
			}
			key := e.Key.Named(p.name)
			l = l.add(bold, " %s ", e.Host).add(plain, "%s", strings.Repeat(" ", max(hosts-say.Width(e.Host), 0))).add(style, "%s", key)
			right := e.left(width, time).add(plain, " ")
			right = append(right, e.admission().fit(m.Language, min(24, width/3))...)
			lines = append(lines, l.between(m.Language, right, width))
		}
		return lines
	}}
}

func styleOf(m Mark) span {
	return sign(map[Mark]string{New: green, Refreshed: cyan, Expiring: yellow, Gone: red}[m], string(m))
}

// left returns the packets each way and the time left, within width columns.
func (e Entry) left(width, time int) line {
	var l line
	if width >= withStatus {
		state := "UNREPLIED" // conntrack(8)'s words, as in lablab flows
		for _, word := range []string{flow.SeenReply, "ASSURED"} {
			if slices.Contains(e.Status, word) {
				state = word
			}
		}
		l = l.add(dim, " %-10s", state)
	}
	if width >= withPackets {
		l = l.add(dim, " %9s", fmt.Sprintf("%d/%d", e.Packets, e.ReplyPackets))
	}
	if e.Mark == Gone {
		if width >= withBar {
			l = l.add(dim, " %s", strings.Repeat("┄", barWidth))
		}
		return l.add(red, " %*s", time, say.F("gone"))
	}
	style := plain
	if e.Mark == Expiring {
		style = yellow
	}
	if width >= withBar {
		full := 0
		if e.longest > 0 {
			full = min((e.TimeoutSeconds*barWidth+e.longest-1)/e.longest, barWidth)
		}
		l = l.add(plain, " ").add(style, "%s", strings.Repeat("━", full)).add(dim, "%s", strings.Repeat("┄", barWidth-full))
	}
	return l.add(style, " %*s", time, secondsOf(e.TimeoutSeconds))
}

const barWidth = 8

func secondsOf(n int) say.Sentence {
	if n >= 100_000 {
		return say.F("%d h", n/3600)
	}
	return say.F("%d s", n)
}

// admission returns the rule that admitted the flow.
func (e Entry) admission() line {
	switch {
	case e.Untracked:
		return words(dim, "untracked")
	case e.AdmittedBy == nil:
		return words(dim, "by no rule")
	case e.AdmittingGone:
		return words(dim, "by ").add(struck, "%s", *e.AdmittedBy).add(yellow, " revoked")
	}
	return words(dim, "by ").add(plain, "%s", *e.AdmittedBy)
}
