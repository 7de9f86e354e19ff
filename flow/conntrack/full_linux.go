package conntrack

import (
	"github.com/ti-mo/conntrack"

	"lablab/say"
)

// Dropped returns how many packets conntrack has dropped in this namespace because it had no room for
// their entries, and for how many entries it has room (nf_conntrack_max; Linux 4.18, before that 0).
func (t *Table) Dropped() (packets, room int, err error) {
	var perCPU []conntrack.Stats
	var global conntrack.StatsGlobal
	err = t.await(func() (err error) {
		if perCPU, err = t.conn.Stats(); err == nil {
			global, err = t.conn.StatsGlobal()
		}
		return err
	})
	if err != nil {
		return 0, 0, say.Errorf("read conntrack statistics: %w", err)
	}
	for _, s := range perCPU {
		packets += int(s.Drop)
	}
	return packets, int(global.MaxEntries), nil
}
