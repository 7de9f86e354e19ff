package render

import (
	"bytes"
	"slices"

	"lablab/packet"
	"lablab/report"
	"lablab/say"
)

// groups writes what packets are checked against when the run begins: the rules in order if all
// hosts are alike, otherwise group by group.
func (t *Text) groups(b *bytes.Buffer, r *report.Report) {
	var names []string
	alike := true
	for _, rule := range r.Rules {
		if rule.AuthorizedIn > 0 {
			continue
		}
		if !slices.Contains(names, rule.Group) {
			names = append(names, rule.Group)
		}
		alike = alike && len(rule.Hosts) == len(r.Hosts)
	}
	entries := !slices.ContainsFunc(r.Hosts, func(h report.Host) bool { return !h.EntriesFirst() })
	if alike {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			var order []say.Sentence
			if entries {
				order = append(order, say.F("established → accept"))
			}
			order = append(order, initial(r, "", d)...)
			t.paragraph(b, t.language.Sprintf("     %-8s ", d), plain, say.List("; ", append(order, say.F("everything else → drop"))...))
		}
		return
	}
	for _, name := range names {
		i := slices.IndexFunc(r.Rules, func(rule report.Rule) bool { return rule.Group == name && rule.AuthorizedIn == 0 })
		var ways []say.Sentence
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			rules := initial(r, name, d)
			if len(rules) == 0 {
				rules = []say.Sentence{say.F("nothing")}
			}
			ways = append(ways, say.F("%s: %s", wayOf(d), say.List(", ", rules...)))
		}
		t.paragraph(b, "     ", plain, say.F("group %s, on %s: %s", name, say.Names(", ", r.Rules[i].Hosts...), say.F("%s; %s", ways[0], ways[1])))
	}
	last := say.F("Checked last: everything else → drop.")
	if entries {
		last = say.F("Checked first: established → accept. Checked last: everything else → drop.")
	}
	t.paragraph(b, "     ", dim, last)
}

// initial returns the rules of a group, or of all groups, that are in force from the beginning.
func initial(r *report.Report, group string, d packet.Direction) []say.Sentence {
	var rules []say.Sentence
	for _, rule := range r.Rules {
		if rule.AuthorizedIn == 0 && rule.Direction == d && (group == "" || rule.Group == group) {
			rules = append(rules, say.F("rule %q: %s", rule.ID, rule.Rule))
		}
	}
	return rules
}

// legend explains the marks that may appear.
func legend(r *report.Report) []say.Sentence {
	var words []say.Sentence
	for _, more := range []struct {
		outcome report.Outcome
		meaning say.Sentence
	}{{report.Stalled, say.F("stalled in its connection")}, {report.Reset, say.F("rejected: the sender was told that the port is closed")}} {
		for _, x := range r.Experiments {
			if slices.ContainsFunc(x.Streams, func(s report.StreamResult) bool { return s.Predicted == more.outcome }) {
				words = append(words, say.F("%s %s", markOf(more.outcome).shape, more.meaning))
				break
			}
		}
	}
	lines := []say.Sentence{say.F("%s answered   %s dropped (the packet or its reply)", markOf(report.Replied).shape, markOf(report.Refused).shape)}
	if len(words) > 0 {
		lines = append(lines, say.List("   ", words...))
	}
	return lines
}
