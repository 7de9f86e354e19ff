package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"lablab/sg"
)

// groups writes what a packet is held against when the run begins: in order, where
// all hosts are alike, and else group by group.
func (t *Text) groups(b *bytes.Buffer, r *Report) {
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
	if alike {
		for _, d := range []sg.Direction{sg.Ingress, sg.Egress} {
			order := append([]string{"what conntrack knows (established) is accepted"}, r.initial("", d)...)
			t.paragraph(b, fmt.Sprintf("     %-8s ", d), plain, strings.Join(append(order, "the rest is dropped"), "; "))
		}
		return
	}
	for _, name := range names {
		i := slices.IndexFunc(r.Rules, func(rule Rule) bool { return rule.Group == name && rule.AuthorizedIn == 0 })
		var ways []string
		for _, way := range []struct {
			direction sg.Direction
			word      string
		}{{sg.Ingress, "in"}, {sg.Egress, "out"}} {
			rules := r.initial(name, way.direction)
			if len(rules) == 0 {
				rules = []string{"nothing"}
			}
			ways = append(ways, way.word+": "+strings.Join(rules, ", "))
		}
		t.paragraph(b, "     ", plain, fmt.Sprintf("group %s, on %s: %s", name, strings.Join(r.Rules[i].Hosts, ", "), strings.Join(ways, "; ")))
	}
	t.paragraph(b, "     ", dim, "Before these rules: what conntrack knows (established) is accepted. Behind them: the rest is dropped.")
}

// initial are the rules of a group, or of all, that are in force from the beginning.
func (r *Report) initial(group string, d sg.Direction) []string {
	var rules []string
	for _, rule := range r.Rules {
		if rule.AuthorizedIn == 0 && rule.Direction == d && (group == "" || rule.Group == group) {
			rules = append(rules, fmt.Sprintf("rule %q: %s", rule.ID, rule.Text))
		}
	}
	return rules
}

// legend says what the marks mean that are to be expected.
func (r *Report) legend() []string {
	var words []string
	for _, more := range []struct {
		outcome Outcome
		meaning string
	}{{Stalled, "message stalled in its connection"}, {Reset, "told that nobody listens"}} {
		for _, x := range r.Experiments {
			if slices.ContainsFunc(x.Streams, func(s StreamResult) bool { return s.Predicted == more.outcome }) {
				words = append(words, markOf(more.outcome).shape+" "+more.meaning)
				break
			}
		}
	}
	lines := []string{fmt.Sprintf("%s packet replied   %s packet refused: it or its reply was seen dropped", markOf(Replied).shape, markOf(Refused).shape)}
	if len(words) > 0 {
		lines = append(lines, strings.Join(words, "   "))
	}
	return lines
}
