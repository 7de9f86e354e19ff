package enforce

import (
	"slices"
	"strings"

	"lablab/say"
)

// A Description explains an enforcement model.
type Description struct {
	Name string `json:"name"`
	// Summary says in one sentence what happens to a known flow.
	Summary say.Sentence `json:"summary"`
	// Decides says what decides about a packet of a known flow.
	Decides say.Sentence `json:"decides"`
	// Change says what a change of the rules does to conntrack's entries.
	Change say.Sentence `json:"change"`
	// Evidence says what conntrack's events and the verdicts show of it.
	Evidence say.Sentence  `json:"evidence"`
	Knobs    []KnobMeaning `json:"knobs,omitempty"`
}

// A KnobMeaning explains a setting of a model. The first choice is the default.
type KnobMeaning struct {
	Name    string       `json:"name"`
	Choices []string     `json:"choices"`
	Means   say.Sentence `json:"means"`
}

// Descriptions returns a description of every model, in the order in which they are best learnt.
func Descriptions() []Description {
	return []Description{
		{
			Name:     "aws",
			Summary:  say.F("A tracked flow outlives its rule; an untracked one stops with it."),
			Decides:  say.F("Of a tracked flow, its conntrack entry. Of an untracked one (TCP or UDP that is open to the world one way, and on all ports the other way), the rules, packet by packet."),
			Change:   say.F("Entries stay. A flow that stops being tracked has an entry that no longer counts."),
			Evidence: say.F("Tracked: no event, and the packets are accepted as established. Untracked: no event, and the packets are dropped by the rules although there is an entry. An UPDATE shows that a flow stops being tracked."),
			Knobs: []KnobMeaning{
				{"conversion", []string{"at-once", "by-packet"}, say.F("whether a flow stops being tracked with the change, or with its next packet")},
			},
		},
		{
			Name:     "keep",
			Summary:  say.F("A known flow goes on until it has been silent for its timeout; the rules decide about new flows only."),
			Decides:  say.F("Its conntrack entry."),
			Change:   say.F("Nothing: entries stay, and each packet refreshes its own."),
			Evidence: say.F("NEW and UPDATE as the flow begins, then no event; the packets are accepted as established."),
		},
		{
			Name:     "cut",
			Summary:  say.F("A change deletes conntrack entries, so the next packet is new, and the rules decide about it."),
			Decides:  say.F("Its conntrack entry, for as long as there is one."),
			Change:   say.F("First the rules change, then entries are deleted. Packets in between are still accepted."),
			Evidence: say.F("DESTROY at the change; then the packets are dropped as new. When a rule allows the flow again, a NEW entry with another id."),
			Knobs: []KnobMeaning{
				{"scope", []string{"matching", "inbound", "all"}, say.F("which entries are deleted: those that the removed rule admitted, those of inbound flows, or all")},
				{"tcp", []string{"loose", "strict"}, say.F("whether conntrack picks up a TCP connection mid-stream (loose) or not (strict)")},
			},
		},
		{
			Name:     "request",
			Summary:  say.F("The rules decide about each packet of the side that began the flow; replies need only the flow's entry."),
			Decides:  say.F("In the direction of the flow's first packet, the rules; in the other, the conntrack entry."),
			Change:   say.F("Nothing. With a tombstone, a dropped request marks the entry, and the mark stops the replies too, until a request is accepted again."),
			Evidence: say.F("No event: the entry stays, even dropped packets refresh it, and they are dropped as established. With a tombstone, an UPDATE whenever the mark changes; the id stays."),
			Knobs: []KnobMeaning{
				{"tombstone", []string{"false", "true"}, say.F("whether a dropped request also stops the replies")},
			},
		},
		{
			Name:     "tied",
			Summary:  say.F("Each rule brings a rule of its own for the replies, so both directions stop with it."),
			Decides:  say.F("The rules, in both directions. The entry only says which packets are replies."),
			Change:   say.F("Nothing."),
			Evidence: say.F("No event: the entry stays, and the packets of both directions are dropped as established."),
		},
		{
			Name:     "rejudge",
			Summary:  say.F("After a change, the rules decide once more about each known flow, at its next packet in either direction."),
			Decides:  say.F("Its conntrack entry, until the rules change. Then the rules decide about the flow as it began, and the entry counts again if one allows it."),
			Change:   say.F("No entry is deleted, but one that was admitted by a removed rule no longer counts."),
			Evidence: say.F("An UPDATE of the entry's mark if another rule admits the flow; the id stays. Otherwise no event, and the packets are dropped as established."),
		},
		{
			Name:     "stateless",
			Summary:  say.F("The rules decide about each packet on its own, so replies need a rule too."),
			Decides:  say.F("The rules, in both directions. An entry does not count."),
			Change:   say.F("Nothing: there are no entries that count."),
			Evidence: say.F("No event: if conntrack has an entry, it stays, and the packets are dropped as established."),
		},
		{
			Name:     "syn",
			Summary:  say.F("Of TCP only the SYN is checked, so an open connection outlives its rule."),
			Decides:  say.F("TCP: nothing, except for a SYN. Ping: the rules, for each echo request; each echo reply is accepted. UDP: whether this host has sent anything to that address and port."),
			Change:   say.F("Nothing."),
			Evidence: say.F("No event: the entry stays. Echo requests that no rule allows are dropped as established; packets of TCP and UDP are accepted."),
		},
		{
			Name:     "sweep",
			Summary:  say.F("After a change, known flows go on until a sweep finds that no rule allows them; the sweep omits pings."),
			Decides:  say.F("Its conntrack entry, if that has the label of an accepted flow. Otherwise the rules decide about the packet, as one of its own direction, and the flow of an accepted packet gets the label again."),
			Change:   say.F("A sweep takes the label from TCP, UDP and SCTP entries that no rule allows any more."),
			Evidence: say.F("An UPDATE when the sweep takes the label; the id stays. Then the packets are dropped as established."),
			Knobs: []KnobMeaning{
				{"delay", []string{"30s", "none"}, say.F("how long after a change the sweep comes")},
			},
		},
	}
}

// setting returns the model and the values of its knobs, as in "cut (scope: all, tcp: loose)".
func setting(model string, knobs map[string]string) string {
	var values []string
	for _, d := range Descriptions() {
		for _, k := range d.Knobs {
			if value, set := knobs[k.Name]; set && d.Name == model {
				values = append(values, k.Name+": "+value)
			}
		}
	}
	if len(values) == 0 {
		return model
	}
	return model + " (" + strings.Join(values, ", ") + ")"
}

// orderOf returns the place of a model among the others.
func orderOf(model string) int {
	return slices.IndexFunc(Descriptions(), func(d Description) bool { return d.Name == model })
}
