package render

import (
	"bytes"
	"cmp"

	"lablab/report"
	"lablab/say"
	"lablab/sg"
)

// Check writes what was read, for people.
func (t *Text) Check(c *report.Check) error {
	var b bytes.Buffer
	for _, g := range c.Groups {
		t.group(&b, g)
	}
	t.findings(&b, say.F("Not enforceable"), red, c.Problems)
	t.findings(&b, say.F("Worth a look"), yellow, c.Warnings)
	if len(c.Notes) > 0 {
		t.heading(&b, say.F("Normalised"))
		for _, n := range c.Notes {
			t.paragraph(&b, "  ", plain, n)
		}
	}
	total := c.Sources.Enforced + c.Sources.Unenforceable
	b.WriteByte('\n')
	t.paragraph(&b, "", bold, say.F("%d groups, %d sources: %d enforced, %d not enforceable.", len(c.Groups), total, c.Sources.Enforced, c.Sources.Unenforceable))
	return t.flush(&b)
}

func (t *Text) group(b *bytes.Buffer, g report.CheckedGroup) {
	t.heading(b, say.F("%s %s", g.ID, g.Name))
	if len(g.Rules) == 0 {
		t.paragraph(b, "  ", dim, say.F("no rules: nothing is allowed in or out"))
		return
	}
	w := newTable()
	for _, r := range g.Rules {
		peer := r.Peer
		switch {
		case !r.Enforced:
			peer += styled(red, t.language.Sprintf(" (not enforceable)"))
		case r.Addresses != 1:
			peer += t.language.Sprintf(" (%d addresses)", r.Addresses)
		}
		w.AppendRow(t.row(wayOf(r.Direction), r.What, peer, styled(dim, r.ID)))
	}
	writeTable(b, w)
}

func (t *Text) findings(b *bytes.Buffer, title say.Sentence, style string, list []sg.Finding) {
	if len(list) == 0 {
		return
	}
	t.heading(b, title)
	for _, f := range list {
		t.paragraph(b, "  ", style, say.F("%s: %s", cmp.Or(f.Rule, f.Group), f.Reason))
	}
}
