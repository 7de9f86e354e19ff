package sim

import (
	"slices"

	"lablab/flow"
	"lablab/packet"
	"lablab/play"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// apply changes the policy on all hosts.
func (s *session) apply(a scenario.Change) error {
	from := s.policy
	to, delta, err := from.Apply(a.Change)
	if err != nil {
		return err
	}
	s.policy = to
	for _, h := range s.hosts {
		h.enforce()
	}
	s.rules.Record(from, to, delta)
	for _, h := range s.hosts {
		h.untrack(from)
	}
	return nil
}

// untrack marks the entries of flows that are no longer tracked. By packet, that happens when the
// next packet of the flow comes.
func (h *host) untrack(from play.Policy) {
	if h.AlwaysTracked || h.ByPacket {
		return
	}
	fresh := sg.NoLongerTracked(from.Account, h.policy.Account, h.Name)
	for _, e := range h.table.entries() {
		d, peer := packet.Ingress, e.orig.Source
		if h.has(e.orig.Source) {
			d, peer = packet.Egress, e.orig.Destination
		} else if !h.has(e.orig.Destination) {
			continue // what a host forwards is always tracked
		}
		first := sg.Packet{Protocol: e.orig.Protocol, Peer: peer, To: int(e.orig.DestinationPort)}
		if e.mark == packet.UntrackedMark || !slices.ContainsFunc(fresh, func(u sg.Untracked) bool { return u.Covers(d, first) }) {
			continue
		}
		e.mark = packet.UntrackedMark
		h.table.report(e, flow.Update)
		h.log.Append(timeline.Cut{Host: h.Name, Flow: e.orig, Why: timeline.CutUntracked})
	}
}

// configure changes how conntrack behaves on all hosts. A new timeout applies to an entry from its
// next packet on.
func (s *session) configure(a scenario.Configure) {
	if a.Timeouts != nil {
		s.settings.Timeouts = *a.Timeouts
	}
	if a.Loose != nil {
		s.settings.loose = *a.Loose
	}
	s.log.Append(timeline.Configured{Timeouts: s.settings.Timeouts, Loose: s.settings.loose})
}

// cut deletes the entries that the action selects.
func (s *session) cut(a scenario.Cut) {
	meant := func(e *entry) bool {
		switch {
		case a.Stream != "":
			r := s.byKey[e.origin]
			return r != nil && r.Stream == a.Stream
		case a.AdmittedBy != "":
			admitted, _ := s.rules.Known(e.mark.Admitted())
			released, _ := s.rules.Known(e.mark.Released())
			return admitted.ID == a.AdmittedBy || released.ID == a.AdmittedBy
		}
		return true
	}
	for _, h := range s.hosts {
		if a.Host != "" && h.Name != a.Host {
			continue
		}
		for _, e := range h.table.entries() {
			if e.mark != packet.UntrackedMark && meant(e) {
				h.table.kill(e)
				s.log.Append(timeline.Cut{Host: h.Name, Flow: e.orig, Why: timeline.CutAsked})
			}
		}
	}
}
