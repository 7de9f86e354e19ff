package lab

import (
	"lablab/flow/conntrack"
	"lablab/say"
)

// errFull is the cause of an *Unable: what the lab shows then is not the doing of its rules.
var errFull = say.New("conntrack table full")

// full returns an *Unable if conntrack had to drop packets of one of the hosts because its table was
// full.
func full(hosts ...*Host) error {
	for _, h := range hosts {
		table := h.conntrack
		if table == nil {
			var err error
			if table, err = conntrack.OpenTable(h.ns); err != nil {
				continue
			}
			defer table.Close()
		}
		// Without statistics the table counts as large enough.
		if packets, room, err := table.Dropped(); err == nil && packets > 0 {
			return noRoom(h.Name, packets, room)
		}
	}
	return nil
}

func noRoom(host string, packets, room int) error {
	return &Unable{
		Lacks: say.F("conntrack had no room for entries and dropped packets of %s: %d (nf_conntrack_max=%d)", host, packets, room),
		Hint:  moreEntries(), Err: errFull,
	}
}

func moreEntries() say.Sentence {
	return say.F("raise the limit: sudo sysctl net.netfilter.nf_conntrack_max=262144")
}
