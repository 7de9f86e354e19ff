package render

import "lablab/say"

// A tradeTerm is a word of the trade that a page explains where it stands. Place is where, in the page's
// own names.
type tradeTerm struct {
	Place string `json:"place"`
	Name  string `json:"name"`
	Means string `json:"means"`
}

// termsIn returns the words that a page explains.
func termsIn(l *say.Language) []tradeTerm {
	var all []tradeTerm
	for _, t := range []struct {
		place       string
		name, means say.Sentence
	}{
		{"conntrack", say.As("conntrack"), say.F("Linux's connection tracking: it remembers every flow that was accepted.")},
		{"entry", say.F("entry"), say.F("What conntrack remembers of one flow: its addresses, its state, the rule that admitted it, and a timeout.")},
		{"flow", say.F("flow"), say.F("All packets between the same addresses and ports, or with the same ICMP id, in both directions.")},
		{"stream", say.F("stream"), say.F("Numbered packets that lablab sends in one flow, so that each can be followed.")},
		{"new", say.As("NEW"), say.F("The state of a packet whose flow has not been answered yet. The rules decide about it.")},
		{"established", say.As("ESTABLISHED"), say.F("The state of a packet whose flow has an entry that has seen a reply. It passes before any rule is checked.")},
		{"deny", say.As("default deny"), say.F("What no rule allows is dropped.")},
		{"group", say.F("security group"), say.F("AWS's name for a set of rules, which only allow. A host has one or more.")},
	} {
		all = append(all, tradeTerm{t.place, t.name.In(l), t.means.In(l)})
	}
	return all
}
