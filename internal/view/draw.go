package view

import (
	"slices"
	"strings"

	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// The minimum size of a screen, and the width at which it gets two columns: each column must show
// as much as a terminal of the usual width.
const (
	leastWidth, leastHeight = 40, 12
	usual, gutter           = 80, 3
	twoColumns              = 2*usual + gutter
	tall                    = 20 // enough for panels that are only good to have
)

// screen returns the whole screen, with exactly the terminal's number of lines and columns.
func (m *model) screen() string {
	w, h := m.width, m.height
	if w < leastWidth || h < leastHeight {
		lines := []line{words(bold, "lablab"), words(plain, "%d×%d is too small", w, h), words(dim, "q quits")}
		return join(m.Language, lines[:max(min(len(lines), h), 0)], w)
	}
	top := m.header()
	bottom := m.footer()
	body := m.body(h - len(top) - len(bottom))
	return join(m.Language, slices.Concat(top, body, bottom), w)
}

func join(language *say.Language, lines []line, columns int) string {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.fit(language, columns).in(language)
	}
	return strings.Join(texts, "\n")
}

// header returns the lab and its hosts.
func (m *model) header() []line {
	p := m.shown()
	left := words(bold, " lablab").add(cyan, " %s", p.status.Name).add(dim, "  scenario ").add(plain, "%s", p.status.Scenario)
	if m.frozen != nil {
		left = left.add(yellow, "  FROZEN").add(dim, " (space resumes)")
	}
	elapsed := int(p.elapsed().Seconds())
	right := words(dim, "up %d:%02d:%02d ", elapsed/3600, elapsed/60%60, elapsed%60)
	lines := []line{left.between(m.Language, right, m.width)}
	if p.status.Web != "" && m.height >= tall {
		lines = append(lines, words(dim, " in a browser  ").add(cyan, "%s", p.status.Web))
	}
	most := max(1, m.height/12)
	hosts := words(plain, " ")
	for i, h := range p.hosts {
		one := words(bold, "%s", h.Name).add(plain, " %s", addressOf(h.Address)).add(dim, " %s", groupsOf(h.Groups))
		if h.ACL {
			one = one.add(yellow, " ACL")
		}
		if i > 0 && hosts.width(m.Language)+one.width(m.Language)+3 > m.width && len(lines) < most {
			lines, hosts = append(lines, hosts), words(plain, " ")
		} else if i > 0 {
			hosts = hosts.add(plain, "   ")
		}
		hosts = append(hosts, one...)
	}
	return append(lines, hosts)
}

func addressOf(prefix string) string {
	address, _, _ := strings.Cut(prefix, "/")
	return address
}

// A keyWord is a key and what it does.
type keyWord struct {
	key  string
	word say.Sentence
}

func keys() [][]keyWord {
	return [][]keyWord{
		{{"↑↓", say.F("choose")}, {"tab", say.F("rules/entries")}, {"r", say.F("revoke")}, {"a", say.F("authorize")}, {"c", say.F("cut")}},
		{{"p", say.F("ping")}, {"t", say.F("TCP")}, {"u", say.F("UDP")}, {"x", say.F("stop")}, {"space", say.F("freeze")}, {"?", say.F("help")}, {"q", say.F("quit")}},
	}
}

// footer returns the latest news and the keys.
func (m *model) footer() []line {
	news := append(words(dim, " › "), m.shown().news...)
	if m.frozen != nil {
		news = append(words(dim, " › "), m.live.news...) // the result of a key is shown at once
	}
	if m.prompt != nil {
		news = m.prompt.line(m)
	}
	lines := []line{news}
	one := line{}
	for _, row := range keys() {
		l := line{}
		for i, k := range row {
			space := "  "
			if i == 0 {
				space = " "
			}
			l = l.add(plain, "%s", space).add(chosen, "%s", k.key).add(plain, " %s", k.word)
		}
		lines, one = append(lines, l), append(append(one, l...), sign(plain, " "))
	}
	if one.width(m.Language) <= m.width {
		return []line{news, one}
	}
	return lines
}

// A panel is a heading and rows. It shows as many rows as fit.
type panel struct {
	title  say.Sentence
	aside  line // right-aligned in the heading
	rows   int  // rows that it has
	least  int  // rows that it should always get
	want   int  // rows that come before any other panel's extra rows
	log    bool // the newest row is the last, and the heading has no row count
	chosen int  // row that must be visible; -1 for the last rows
	draw   func(from, to, width int) []line
}

// body returns height lines between header and footer.
func (m *model) body(height int) []line {
	if m.help {
		return m.helpText(height)
	}
	w := m.width
	if w < twoColumns {
		return stack(m.Language, height, w, m.rulesPanel(), m.streamsPanel(), m.entriesPanel(w), m.verdictsPanel())
	}
	left, right := (w-gutter)/2, w-gutter-(w-gutter)/2
	a, b := stack(m.Language, height, left, m.rulesPanel(), m.streamsPanel()), stack(m.Language, height, right, m.entriesPanel(right), m.verdictsPanel())
	lines := make([]line, height)
	for i := range lines {
		lines[i] = slices.Concat(a[i].fit(m.Language, left), words(plain, "%s", strings.Repeat(" ", gutter)), b[i])
	}
	return lines
}

// stack puts panels one below the other in exactly height lines. First each panel gets its least
// rows. Then they take turns, one row each, until each has the rows it wants. Then they get the
// rows that they have, in order, and the last panel gets the remainder.
func stack(language *say.Language, height, width int, panels ...panel) []line {
	room := make([]int, len(panels))
	left := height - len(panels)
	grant := func(i, want int) {
		more := max(min(want-room[i], left), 0)
		room[i] += more
		left -= more
	}
	for i, p := range panels {
		grant(i, min(p.least, max(p.rows, 1)))
	}
	for range height {
		for i, p := range panels {
			if p.want > room[i] {
				grant(i, room[i]+1)
			}
		}
	}
	blank := 0
	if spare := len(panels) - 1; left >= spare {
		blank, left = 1, left-spare
	}
	for i, p := range panels {
		grant(i, p.rows)
	}
	room[len(panels)-1] += left
	var lines []line
	for i, p := range panels {
		if i > 0 && blank > 0 {
			lines = append(lines, line{})
		}
		lines = append(lines, p.heading(language, width, room[i]))
		rows := p.visible(room[i], width)
		for len(rows) < room[i] {
			rows = append(rows, line{})
		}
		lines = append(lines, rows...)
	}
	for len(lines) < height {
		lines = append(lines, line{})
	}
	return lines[:height]
}

func (p panel) heading(language *say.Language, width, room int) line {
	title := words(bold, " %s ", p.title)
	if p.rows > room && !p.log {
		title = title.add(dim, "%d of %d ", room, p.rows)
	}
	rule := max(width-title.width(language)-p.aside.width(language)-1, 0)
	return append(title.add(dim, "%s", strings.Repeat("─", rule)), p.aside...)
}

func (p panel) visible(room, width int) []line {
	from := 0
	switch {
	case p.rows <= room:
	case p.chosen < 0:
		from = p.rows - room
	case p.chosen >= room:
		from = p.chosen - room + 1
	}
	return p.draw(from, min(from+room, p.rows), width)
}

// cursor returns the marker in front of a row that can be chosen.
func cursor(here, active bool) span {
	switch {
	case here && active:
		return sign(chosen, "▸")
	case here:
		return sign(dim, "▹")
	}
	return sign(plain, " ")
}

const hitsWidth = 7

func (m *model) streamsPanel() panel {
	p := m.shown()
	// Running streams, preceded by the most recent stopped ones.
	var lanes, running []report.Lane
	for _, l := range p.streams() {
		if l.Stopped {
			lanes = append(lanes, l)
		} else {
			running = append(running, l)
		}
	}
	lanes = append(lanes, running...)
	aside := words(dim, " %5s %5s ", say.F("sent"), say.F("back"))
	return panel{title: say.F("Streams"), aside: aside, rows: max(len(lanes), 1), least: 2, want: len(lanes), chosen: -1, draw: func(from, to, width int) []line {
		if len(lanes) == 0 {
			return []line{words(dim, "   none yet: press p, t or u to start one")}
		}
		longest := 0
		for _, l := range lanes[from:to] {
			longest = max(longest, say.Width(word(l)+l.From+l.To))
		}
		var lines []line
		for _, s := range lanes[from:to] {
			style := plain
			if s.Stopped {
				style = dim
			}
			l := words(bold, " %3s ", s.Stream).add(style, "%s", word(s)).add(style, " %s > %s", s.From, s.To)
			l = l.add(plain, "%s  ", strings.Repeat(" ", max(longest-say.Width(word(s)+s.From+s.To), 0)))
			right := words(style, " %5d %5d ", s.Sent, s.Received())
			if !s.Failed.Empty() {
				right = append(words(plain, " ").add(red, "failed"), right...)
			} else if s.Stopped {
				right = append(words(dim, " stopped"), right...)
			}
			l = append(l, drawn(s.Latest, width-l.width(m.Language)-right.width(m.Language))...)
			lines = append(lines, l.between(m.Language, right, width))
		}
		return lines
	}}
}

// The widths from which panels show their optional columns.
const (
	withPackets = 66
	withBar     = 76
	withWay     = 90 // the direction in words, beside a verdict
	withStatus  = 96
)

func (m *model) verdictsPanel() panel {
	p := m.shown()
	aside := line{}
	if p.missed > 0 {
		aside = words(yellow, "  lost: %d ", p.missed)
	}
	return panel{title: say.F("Verdicts"), aside: aside, rows: max(len(p.verdicts), 1), least: 2, want: 4, log: true, chosen: -1, draw: func(from, to, width int) []line {
		if len(p.verdicts) == 0 {
			return []line{words(dim, "   no packet yet")}
		}
		last := withRefused(p.verdicts, from, to)
		hosts := 0
		for _, v := range last {
			hosts = max(hosts, say.Width(v.Host))
		}
		var lines []line
		for _, v := range last {
			mark, style := sign(green, "✓"), plain
			if !v.Accepted {
				mark, style = sign(red, "✗"), red
			}
			l := line{sign(plain, "   "), mark}.add(bold, " %s", v.Host).add(plain, "%s", strings.Repeat(" ", max(hosts-say.Width(v.Host), 0)))
			l = l.add(dim, " %-3s ", m.way(v.Direction, width >= withWay)).add(plain, "%-11s ", v.State).add(style, "%-12s ", v.ID).add(dim, "%s", v.Packet.Named(p.name))
			lines = append(lines, l)
		}
		return lines
	}}
}

// withRefused returns verdicts[from:to]. If none of them is a drop, a recent drop replaces the
// first: with few rows, an answered ping would otherwise always push it out.
func withRefused(verdicts []timeline.Judged, from, to int) []timeline.Judged {
	const hardly = 12 // verdicts
	refused := func(v timeline.Judged) bool { return !v.Accepted }
	some := slices.Clone(verdicts[from:to])
	if len(some) == 0 || slices.ContainsFunc(some, refused) {
		return some
	}
	for i := from - 1; i >= max(0, from-hardly); i-- {
		if refused(verdicts[i]) {
			some[0] = verdicts[i]
			break
		}
	}
	return some
}

// helpText explains the screen.
func (m *model) helpText(height int) []line {
	from, to := "B", "A"
	if hosts := m.shown().hosts; len(hosts) > 1 {
		from, to = hosts[1].Name, hosts[0].Name
	}
	row := func(key, format string, args ...any) line {
		return words(chosen, "   %-8s", key).add(plain, format, args...)
	}
	lines := []line{
		words(bold, " Keys"),
		row("↑ ↓", "choose a rule; tab switches between rules and conntrack entries"),
		row("r  a", "revoke the chosen rule; authorize it again"),
		row("p t u", "a ping from %s to %s; TCP or UDP, to a port you enter", from, to),
		row("x  c", "stop the last stream; cut (delete) the chosen entry"),
		row("space", "freeze the view; the lab goes on"),
		row("q", "quit, and take the lab down"),
		{},
		words(bold, " Packets of streams, and entries"),
		words(plain, "   ").add(green, "✓").add(plain, " answered  ").add(red, "✗").add(plain, " dropped  ").add(yellow, "=").add(plain, " stalled in its connection"),
		words(plain, "   ").add(red, "R").add(plain, " port closed  ").add(yellow, "!").add(plain, " not sent  ").add(yellow, "~").add(plain, " late  ").add(yellow, "?").add(plain, " lost  ").add(dim, "·").add(plain, " waiting"),
		words(plain, "   ").add(green, "+").add(plain, " new  ").add(cyan, "*").add(plain, " refreshed  ").add(yellow, "!").add(plain, " gone in %d s  ", expiringFor).add(red, "×").add(plain, " gone"),
		{},
		words(bold, " In another terminal"),
		words(plain, "   lablab exec%s %s -- ping %s", m.Flag, from, to),
		words(plain, "   lablab flows%s %s --watch", m.Flag, to),
		{},
		words(dim, "   press any key to go back"),
	}
	for i := 0; len(lines) > height && i < len(lines); {
		if len(lines[i]) == 0 {
			lines = slices.Delete(lines, i, i+1)
			continue
		}
		i++
	}
	for len(lines) < height {
		lines = append(lines, line{})
	}
	return lines[:height]
}
