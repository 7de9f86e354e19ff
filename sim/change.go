package sim

import (
	"time"

	"lablab/enforce"
	"lablab/flow"
	"lablab/packet"
	"lablab/scenario"
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
	var changed []*host
	for _, h := range s.hosts {
		if h.enforce() {
			changed = append(changed, h)
		}
	}
	s.rules.Record(from, to, delta)
	for _, h := range changed {
		if later := h.model.Traits().Delay; later > 0 {
			s.after(time.Duration(float64(later)*s.scale), h.affect)
		} else {
			h.affect()
		}
	}
	return nil
}

// affect does to the flows that the host knows what its model does after a change of the rules.
func (h *host) affect() {
	for _, e := range h.table.entries() {
		switch f := h.flow(e); h.model.Changed(*f, firewall{h}) {
		case enforce.Untracks:
			e.mark = packet.UntrackedMark
			h.table.report(e, flow.Update)
			h.log.Append(timeline.Cut{Host: h.Name, Flow: e.orig, Why: timeline.CutUntracked})
		case enforce.Unmarks:
			e.mark = 0
			h.table.report(e, flow.Update)
			h.log.Append(timeline.Cut{Host: h.Name, Flow: e.orig, Why: timeline.CutUnmarked})
		case enforce.Deletes:
			h.table.kill(e)
			h.log.Append(timeline.Cut{Host: h.Name, Flow: e.orig, Why: timeline.CutChanged, Packets: e.sent.Packets + e.got.Packets, ID: e.id})
		}
	}
}

// configure changes how conntrack behaves on all hosts. A new timeout applies to an entry from its
// next packet on.
func (s *session) configure(a scenario.Configure) {
	if a.Timeouts != nil {
		s.timeouts = *a.Timeouts
	}
	if a.Loose != nil {
		s.loose = *a.Loose
		for _, h := range s.hosts {
			h.table.loose = s.loose
		}
	}
	s.log.Append(timeline.Configured{Timeouts: s.timeouts, Loose: s.loose})
}

// cut deletes the entries that the action selects.
func (s *session) cut(a scenario.Cut) {
	meant := func(e *entry) bool {
		switch {
		case a.Stream != "":
			r := s.byKey[e.origin]
			if r == nil {
				r = s.byKey[e.origin.Reversed()] // whose server's side began it
			}
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
