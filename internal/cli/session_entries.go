package cli

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lablab/flow"
	"lablab/internal/control"
	"lablab/timeline"
)

// tables hold the conntrack entries of each host by id, as a session knows them.
type tables map[string]map[uint32]flow.Entry

// note takes a conntrack event. Conntrack reports counters only when an entry is gone.
func (t tables) note(e timeline.EntryChanged) {
	if t[e.Host] == nil {
		t[e.Host] = map[uint32]flow.Entry{}
	}
	if e.Change == flow.Destroy {
		delete(t[e.Host], e.Entry.ID)
		return
	}
	t[e.Host][e.Entry.ID] = e.Entry
}

// ask queries a running lab for all entries of a host, with counters.
func (s *session) ask(ctx context.Context, lab *control.Client) error {
	for _, h := range s.about.Hosts {
		flows, err := lab.Flows(ctx, h.Name)
		if err != nil {
			return err
		}
		now := map[uint32]flow.Entry{}
		for _, f := range flows {
			now[f.ConntrackID] = flow.Entry{
				ID: f.ConntrackID, Orig: f.Key, Reply: s.tables[h.Name][f.ConntrackID].Reply, Status: f.Status, TCP: f.TCPState,
				Timeout: time.Duration(f.TimeoutSeconds) * time.Second, Mark: f.AdmittingNumber,
				Sent: flow.Count{Packets: f.Packets, Bytes: f.Bytes}, Got: flow.Count{Packets: f.ReplyPackets, Bytes: f.ReplyBytes},
			}
		}
		s.tables[h.Name] = now
		s.asked = true
	}
	return nil
}

// dumps returns the final conntrack entries, or nothing if they are not known.
func (s *session) dumps() []timeline.Body {
	if s.forgotten > 0 && !s.asked {
		return nil
	}
	var bodies []timeline.Body
	for _, h := range s.about.Hosts {
		entries := make([]flow.Entry, 0, len(s.tables[h.Name]))
		for _, e := range s.tables[h.Name] {
			entries = append(entries, e)
		}
		slices.SortFunc(entries, func(x, y flow.Entry) int { return cmp.Compare(x.ID, y.ID) })
		bodies = append(bodies, timeline.Dumped{Host: h.Name, Entries: entries})
	}
	return bodies
}
