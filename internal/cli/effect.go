package cli

import (
	"lablab/enforce"
	"lablab/internal/control"
	"lablab/say"
)

// effect describes what a change did to existing flows, and what to look at next. Usual is the text
// for a change that affected none; cut is the command that ends the flows which outlived the
// change.
func effect(e control.Effect, usual say.Sentence, cut string) say.Sentence {
	var parts []say.Sentence
	switch e.Untracked {
	case "dropped":
		parts = append(parts, say.F("untracked flows are cut off now: they have no entry, and no rule allows them"))
	case "checked":
		parts = append(parts, say.F("untracked flows have no entry: the rules decide on each packet"))
	}
	switch {
	case e.Converted == 1:
		parts = append(parts, say.F("1 flow is no longer tracked: the rules decide on each packet"))
	case e.Converted > 1:
		parts = append(parts, say.F("%d flows are no longer tracked: the rules decide on each packet", e.Converted))
	}
	switch {
	case e.Denied == 1:
		parts = append(parts, say.F("the ACL drops packets of 1 flow that has an entry"))
	case e.Denied > 1:
		parts = append(parts, say.F("the ACL drops packets of %d flows that have an entry", e.Denied))
	}
	switch {
	case e.Deleted == 1:
		parts = append(parts, say.F("1 conntrack entry was deleted: the next packet of its flow is new, and the rules decide"))
	case e.Deleted > 1:
		parts = append(parts, say.F("%d conntrack entries were deleted: the next packet of each flow is new, and the rules decide", e.Deleted))
	}
	for _, name := range e.Models {
		if m, err := enforce.Parse(name); err == nil {
			parts = append(parts, underModel(m))
		}
	}
	look := "lablab trace"
	switch {
	case e.Outlived == 1:
		parts = append(parts, say.F("1 flow has an entry and goes on; to end it: %s", cut))
		look = "lablab flows"
	case e.Outlived > 1:
		parts = append(parts, say.F("%d flows have entries and go on; to end them: %s", e.Outlived, cut))
		look = "lablab flows"
	}
	if len(parts) == 0 {
		return usual
	}
	return say.F("%s; to see it: %s", say.List("; ", parts...), look)
}

// underModel says when the rules decide about known flows.
func underModel(m enforce.Choice) say.Sentence {
	t := m.Traits()
	if t.Delay > 0 {
		return say.F("under model %s, %s; that takes %s", say.As(m.String()), t.Known, t.Delay)
	}
	return say.F("under model %s, %s", say.As(m.String()), t.Known)
}
