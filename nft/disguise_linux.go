package nft

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"lablab/packet"
)

// Some protocols conntrack knows too well (see [packet.Disguised]). Nothing tells it to read less of
// them, but it reads nothing of a protocol that it does not know. So a table of its own changes the protocol number of these packets just before
// conntrack looks them up, and changes it back right after. Each protocol has a zone of conntrack,
// with its number, so their flows are kept apart.

// disguiseTable is that table.
const disguiseTable = "disguise"

// disguise creates it. The error satisfies [Lacks] if the kernel has no zones. t.mu is held.
func (t *Table) disguise() error {
	tx := newTransaction()
	tx.add(addDisguise)
	return t.commit(tx)
}

func addDisguise(c *nftables.Conn) {
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: disguiseTable})
	for _, hook := range []struct {
		name   string
		number *nftables.ChainHook
	}{{"prerouting", nftables.ChainHookPrerouting}, {"output", nftables.ChainHookOutput}} {
		chain := func(when string, offset nftables.ChainPriority) *nftables.Chain {
			priority, policy := *nftables.ChainPriorityConntrack+offset, nftables.ChainPolicyAccept
			return c.AddChain(&nftables.Chain{Table: table, Name: when + "_" + hook.name, Type: nftables.ChainTypeFilter, Hooknum: hook.number, Priority: &priority, Policy: &policy})
		}
		before, after := chain("before", -1), chain("after", 1)
		for _, p := range packet.Disguised() {
			for _, six := range []bool{false, true} {
				c.AddRule(&nftables.Rule{Table: table, Chain: before, Exprs: slices.Concat(
					ofProtocol(six, p), []expr.Any{&expr.Immediate{Register: register, Data: zone(p)}, &expr.Ct{Key: expr.CtKeyZONE, Register: register, SourceRegister: true}},
					setProtocol(six, packet.Disguise),
				)})
				c.AddRule(&nftables.Rule{Table: table, Chain: after, Exprs: slices.Concat(
					ofProtocol(six, packet.Disguise), ctEqual(expr.CtKeyZONE, zone(p)),
					setProtocol(six, p),
				)})
			}
		}
	}
}

// zone returns the zone of a protocol's flows.
func zone(p packet.Protocol) []byte { return binaryutil.NativeEndian.PutUint16(uint16(p)) }

// ofProtocol matches packets whose IP header has this protocol number.
func ofProtocol(six bool, p packet.Protocol) []expr.Any {
	number := protocolNumber(six)
	number.DestRegister = register
	return append(version(six), number, equal([]byte{byte(p)}))
}

// setProtocol writes another number there. The checksum of IPv4 stays as it is, because nothing
// checks it before the number is back.
func setProtocol(six bool, p packet.Protocol) []expr.Any {
	number := protocolNumber(six)
	number.OperationType, number.SourceRegister = expr.PayloadWrite, register
	return []expr.Any{&expr.Immediate{Register: register, Data: []byte{byte(p)}}, number}
}

// protocolNumber is where the headers of IPv4 (RFC 791) and IPv6 (RFC 8200) have it.
func protocolNumber(six bool) *expr.Payload {
	if six {
		return &expr.Payload{Base: expr.PayloadBaseNetworkHeader, Offset: 6, Len: 1}
	}
	return &expr.Payload{Base: expr.PayloadBaseNetworkHeader, Offset: 9, Len: 1}
}
