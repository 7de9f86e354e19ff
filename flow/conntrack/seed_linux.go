package conntrack

import (
	"github.com/ti-mo/conntrack"

	"lablab/packet"
	"lablab/say"
)

// Seed creates the entry of a flow that has been answered, with that mark; k is the key of the flow's
// first packet. TCP packets match it whatever their sequence numbers are. The error wraps EEXIST if
// there is such an entry.
func (t *Table) Seed(k packet.Key, mark packet.Mark) error {
	const (
		timeout     = 60   // seconds
		established = 3    // TCP_CONNTRACK_ESTABLISHED
		liberal     = 0x08 // IP_CT_TCP_FLAG_BE_LIBERAL
		flags       = liberal<<8 | liberal
	)
	f := t.flowOf(k)
	f.Status, f.Timeout, f.Mark = conntrack.StatusConfirmed|conntrack.StatusSeenReply|conntrack.StatusAssured, timeout, uint32(mark)
	if k.Protocol == packet.TCP {
		f.ProtoInfo.TCP = &conntrack.ProtoInfoTCP{State: established, OriginalFlags: flags, ReplyFlags: flags}
	}
	if err := t.await(func() error { return t.conn.Create(f) }); err != nil {
		return say.Errorf("create conntrack entry: %w", err)
	}
	return nil
}
