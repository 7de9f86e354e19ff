package lab

import (
	"context"
	"maps"
	"slices"

	"lablab/flow"
	"lablab/nft"
	"lablab/packet"
	"lablab/timeline"
)

// Observe records the conntrack entries and the counters of each host, after everything that the
// kernel has reported by now.
func (l *Lab) Observe(ctx context.Context) error {
	l.collector.sync(ctx) // events say which entries to query; get the last ones too
	l.reading.Lock()
	defer l.reading.Unlock()
	return l.recordState()
}

// recordState queries one by one the entries that events reported, which takes microseconds. Whether
// there are others is left to [Lab.audit].
func (l *Lab) recordState() error {
	return each(l.hosts, func(h *Host) error {
		var entries []flow.Entry
		var err error
		if reported, complete := l.recorder.entries(h.Name); complete {
			entries, err = h.conntrack.Get(sorted(reported))
		} else {
			entries, err = h.conntrack.Dump()
		}
		if err != nil {
			return unableTo(dumpEntries, err)
		}
		l.log.Append(timeline.Dumped{Host: h.Name, Entries: h.unmarked(entries...)})
		counters, err := h.counters()
		if err != nil {
			return err
		}
		l.log.Append(timeline.Counted{Host: h.Name, Counters: counters})
		return nil
	})
}

// counters reads the counters of the rules that accept packets; of a ruleset of its own, all.
func (h *Host) counters() (list []timeline.Counter, err error) {
	if h.own != nil {
		rules, err := h.own.Rules()
		for _, r := range rules {
			if r.Counts {
				list = append(list, timeline.Counter{Direction: r.Direction, Rule: r.By.ID, Packets: r.Packets, Bytes: r.Bytes})
			}
		}
		return list, err
	}
	tables, err := h.rules.Live()
	for _, c := range nft.Counters(tables) {
		if c.Admits {
			list = addCounter(list, c)
		}
	}
	return list, err
}

// addCounter adds what a rule has accepted in one of its chains to the others.
func addCounter(list []timeline.Counter, c nft.Counter) []timeline.Counter {
	i := slices.IndexFunc(list, func(o timeline.Counter) bool {
		return o.Direction == c.Direction && o.Rule == c.By.ID && o.Number == c.By.Number
	})
	one := timeline.Counter{Direction: c.Direction, Rule: c.By.ID, Number: c.By.Number, Packets: c.Packets, Bytes: c.Bytes}
	if i < 0 || !c.Forwarded {
		return append(list, one)
	}
	list[i].Packets += c.Packets
	list[i].Bytes += c.Bytes
	return list
}

// sorted returns the keys of entries in a stable order.
func sorted(reported map[packet.Key]uint32) []packet.Key {
	return slices.SortedFunc(maps.Keys(reported), packet.Key.Compare)
}

// list returns all entries of a host. It needs no dump, which is slow, if the host has only those that
// events reported. With the same id, an entry that is read existed already when they were counted.
func (l *Lab) list(h *Host) ([]flow.Entry, error) {
	const few = 200 // which are read one by one in less time than a dump takes
	reported, _ := l.recorder.entries(h.Name)
	count, err := h.conntrack.Count()
	if err != nil {
		return nil, err
	}
	if count == len(reported) && count <= few {
		entries, err := h.conntrack.Get(sorted(reported))
		entries = h.unmarked(entries...)
		same := !slices.ContainsFunc(entries, func(e flow.Entry) bool { return reported[e.Orig] != e.ID })
		if err != nil || len(entries) == count && same {
			return entries, err
		}
	}
	entries, err := h.conntrack.Dump()
	return h.unmarked(entries...), err
}

// audit compares each host's whole conntrack table with its events: an entry that no event reported
// is a missed event.
func (l *Lab) audit(ctx context.Context) error {
	return each(l.hosts, func(h *Host) error {
		l.recorder.beginAudit(h.Name)
		entries, err := l.list(h)
		if err != nil {
			return unableTo(dumpEntries, err)
		}
		if n := len(l.recorder.unreported(ctx, h.Name, entries)); n > 0 {
			l.recorder.missed(h.Name, timeline.MissedEvents, n)
		}
		return nil
	})
}
