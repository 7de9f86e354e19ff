package report

import (
	"lablab/enforce"
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
	"lablab/timeline"
)

// EntriesFirst reports whether the host accepts established packets without checking its rules, which
// depends on its model.
func (h Host) EntriesFirst() bool {
	m, err := enforce.Parse(h.Model)
	return err != nil || m.Traits().Known.Empty()
}

// models are the enforcement models of the hosts, by name.
type models map[string]enforce.Model

func modelsOf(begun timeline.Begun) models {
	m := models{}
	for _, h := range begun.Hosts {
		m[h.Name] = h.Enforcement()
	}
	return m
}

// of returns the model of a host.
func (m models) of(host string) enforce.Traits {
	if model := m[host]; model != nil {
		return model.Traits()
	}
	return enforce.Default().Traits()
}

// deletes reports whether a change of the rules deletes entries at one of the hosts.
func (m models) deletes(hosts ...string) bool {
	for _, h := range hosts {
		if m.of(h).Deletes {
			return true
		}
	}
	return false
}

// model names the model of the host that decided about packets, and claims that it has it.
func (h *history) model(r run) phrase {
	model := h.models[r.Host]
	if model == nil {
		model = enforce.Default()
	}
	name := say.As(enforce.Notation(model))
	return phrase{name, r.claim(claims.Claim{Kind: claims.HasModel, Other: name.String()})}
}

// byModel reports whether only the model of the host explains what decided about packets: of a known
// flow, something else than its entry; of packets of no flow, no rule; or what the model does not
// filter.
func (h *history) byModel(r run) bool {
	switch r.Kind {
	case packet.ByModel, packet.ByTombstone:
		return true
	case packet.ByGroup, packet.ByDefault:
		return h.outsideFlows(r) || r.State == packet.Established && !h.models.of(r.Host).Known.Empty()
	}
	return false
}

// outsideFlows reports whether packets were dropped because they belong to no flow.
func (h *history) outsideFlows(r run) bool {
	return r.Kind == packet.ByDefault && (r.State == packet.Invalid || r.State == packet.Untracked) && h.models.of(r.Host).FlowsOnly
}

// explainModel explains such packets.
func (t *explainer) explainModel(r run, they phrase) {
	known := t.models.of(r.Host).Known
	said := t.was != nil && t.byModel(*t.was) && !t.outsideFlows(*t.was)
	if t.outsideFlows(r) {
		t.outside(r, they)
		return
	}
	if !r.accepted() && r.Kind == packet.ByDefault && !r.first.Reply {
		t.lessons.rechecked.learn(t.of(r), r.decided())
	}
	switch {
	case r.Kind == packet.ByTombstone:
		t.say(t.of(r), "%s %s ESTABLISHED to %s and dropped all the same: a request of the flow had been dropped there, and model %s stops the replies until a request is accepted.",
			they, were(r), r.Host, t.model(r))
	case r.Kind == packet.ByModel:
		t.say(t.of(r), "%s %s accepted by %s, since model %s %s.", they, were(r), r.Host, t.model(r), unfiltered(r.ID))
	case said && r.accepted():
		t.say(t.of(r), "%s %s ESTABLISHED to %s, and rule %q allowed %s.", they, were(r), r.Host, r.ID, them(r))
	case said:
		t.say(t.of(r), "%s %s ESTABLISHED to %s, but no rule matched%s: default deny dropped %s.", they, were(r), r.Host, t.closedWay(r), them(r))
	case r.accepted():
		t.say(t.of(r), "%s %s ESTABLISHED to %s, which has model %s: %s. Rule %q allowed %s.", they, were(r), r.Host, t.model(r), known, r.ID, them(r))
	default:
		t.say(t.of(r), "%s %s ESTABLISHED to %s, which has model %s: %s. No rule matched%s, so default deny dropped %s.",
			they, were(r), r.Host, t.model(r), known, t.closedWay(r), them(r))
	}
}

// outside explains packets that a model drops since they belong to no flow.
func (t *explainer) outside(r run, they phrase) {
	if why := t.whyInvalid(r, past); !why.Empty() {
		t.say(t.of(r), "%s %s INVALID: %s. Model %s drops what belongs to no flow, whatever the rules say.", they, were(r), why, t.model(r))
		return
	}
	t.say(t.of(r), "%s %s %s to %s, and model %s drops what belongs to no flow, whatever the rules say.", they, were(r), state(r), r.Host, t.model(r))
}

// closedWay says which change closed the way for packets, but not for replies: their model decides
// which rules count.
func (t *explainer) closedWay(r run) phrase {
	if r.first.Reply {
		return phrase{}
	}
	return t.closed(r)
}

// unfiltered says what a model does, by the id of what decided.
func unfiltered(id string) say.Sentence {
	switch id {
	case packet.AnyEchoReplyID:
		return say.F("accepts every echo reply")
	case packet.MidConnectionID:
		return say.F("accepts every TCP segment that does not begin a connection")
	}
	return say.F("does not filter what leaves a host")
}

// ofModel says what the model of a host has to do with a verdict.
func (n *Narrator) ofModel(r run, name phrase) subtitle {
	known := n.models.of(r.Host).Known

	switch {
	case n.outsideFlows(r):
		return dropping("%s is %s to %s, and model %s drops what belongs to no flow.", name, state(r), r.Host, n.model(r))
	case r.Kind == packet.ByTombstone:
		return dropping("%s is %s.\n%s has dropped a request of its flow.\nModel %s stops the replies, too: dropped.", name, state(r), r.Host, n.model(r))
	case r.Kind == packet.ByModel:
		return accepting("%s is accepted by %s: model %s %s.", name, r.Host, n.model(r), unfiltered(r.ID))
	case r.accepted():
		return accepting("%s is ESTABLISHED to %s, which has model %s.\n(%s)\nRule %q matches: accepted.", name, r.Host, n.model(r), known, r.ID)
	}
	return dropping("%s is ESTABLISHED to %s, which has model %s.\n(%s)\nNo rule matches: dropped.", name, r.Host, n.model(r), known)
}
