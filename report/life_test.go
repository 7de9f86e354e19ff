package report

import (
	"testing"

	"lablab/flow"
	"lablab/packet"
	"lablab/timeline"
)

// As many packets are attributed to each entry as the kernel counted when it destroyed it. (Of TCP,
// the kernel does not count the packets that it ignores.)
func TestEntriesCarryWhatTheKernelCounted(t *testing.T) {
	for _, name := range []string{"ping", "cut", "interrupted"} {
		t.Run(name, func(t *testing.T) { carryWhatWasCounted(t, recorded(t, name)) })
	}
}

func carryWhatWasCounted(t *testing.T, events []timeline.Event) {
	t.Helper()
	type count struct{ sent, got uint64 }
	ls := newLives()
	for i, e := range events {
		ls.add(when{uint64(i + 1), e.At, e.Experiment}, e.Body)
	}
	seen, counted := map[*life]count{}, map[*life]count{}
	for i, e := range events {
		at := when{uint64(i + 1), e.At, e.Experiment}
		switch body := e.Body.(type) {
		case timeline.Judged:
			if body.Packet.IsError() {
				continue
			}
			entry := ls.carrier(at, body, body.Packet.Key())
			if entry == nil {
				if body.State == packet.Established || body.State == packet.New && body.Accepted {
					t.Errorf("event %d: no entry for %s %s %s (%s)", e.Seq, body.State, body.Host, body.Packet, body.ID)
				}
				continue
			}
			c := seen[entry]
			if entry.sends(body.Packet.Key()) {
				c.sent++
			} else {
				c.got++
			}
			seen[entry] = c
		case timeline.EntryChanged:
			if body.Change != flow.Destroy {
				continue
			}
			for entry := range seen {
				if entry.dead.seq == at.seq {
					counted[entry] = count{body.Entry.Sent.Packets, body.Entry.Got.Packets}
				}
			}
		}
	}
	if len(seen) == 0 {
		t.Error("no entry carried anything")
	}
	for entry, kernel := range counted {
		carried := seen[entry]
		ignored := entry.orig.Protocol == packet.TCP && carried.sent >= kernel.sent && carried.got >= kernel.got
		if carried != kernel && !ignored {
			t.Errorf("%s entry %d (%s): carried %+v, the kernel counted %+v", entry.host, entry.id, entry.orig, carried, kernel)
		}
	}
}
