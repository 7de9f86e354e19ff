package nft

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"lablab/packet"
)

// Some protocols conntrack knows too well (see [packet.Disguised]). Nothing tells it to read less of
// them, but it reads nothing of a protocol that it does not know. So a table of its own changes the
// protocol number of these packets just before conntrack looks them up, and changes it back right
// after; so it does with the header that an ICMP error quotes. Each protocol has a zone of conntrack,
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
	for _, when := range []struct {
		name    string
		offset  nftables.ChainPriority // from conntrack's
		packets func(six bool, p packet.Protocol) []expr.Any
		errors  func(six bool, p packet.Protocol) []expr.Any
	}{
		{"before", -1, disguised, disguisedQuote},
		{"after", 1, restored, restoredQuote},
	} {
		quotes := c.AddChain(&nftables.Chain{Table: table, Name: when.name + "_errors"})
		for _, p := range packet.Disguised() {
			for _, six := range []bool{false, true} {
				c.AddRule(&nftables.Rule{Table: table, Chain: quotes, Exprs: when.errors(six, p)})
			}
		}
		for name, hook := range map[string]*nftables.ChainHook{"prerouting": nftables.ChainHookPrerouting, "output": nftables.ChainHookOutput} {
			priority, policy := *nftables.ChainPriorityConntrack+when.offset, nftables.ChainPolicyAccept
			chain := c.AddChain(&nftables.Chain{Table: table, Name: when.name + "_" + name, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &priority, Policy: &policy})
			for _, exprs := range icmpErrors() {
				c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(exprs, &expr.Verdict{Kind: expr.VerdictGoto, Chain: quotes.Name})})
			}
			for _, p := range packet.Disguised() {
				for _, six := range []bool{false, true} {
					c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: when.packets(six, p)})
				}
			}
		}
	}
}

// disguised changes the number of a protocol's packets.
func disguised(six bool, p packet.Protocol) []expr.Any {
	return slices.Concat(header(six).matches(p), setZone(p), header(six).set(packet.Disguise))
}

// restored changes it back.
func restored(six bool, p packet.Protocol) []expr.Any {
	return slices.Concat(header(six).matches(packet.Disguise), ctEqual(expr.CtKeyZONE, zone(p)), header(six).set(p))
}

// disguisedQuote changes the number in the header that an ICMP error quotes. An error about a flow
// that conntrack does not know has no zone, so the packet's mark says what the number was.
func disguisedQuote(six bool, p packet.Protocol) []expr.Any {
	return slices.Concat(quote(six).matches(p), setZone(p), setPacketMark(uint32(p)), quote(six).set(packet.Disguise))
}

// restoredQuote changes it back.
func restoredQuote(six bool, p packet.Protocol) []expr.Any {
	marked := []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: register}, equal(binaryutil.NativeEndian.PutUint32(uint32(p)))}
	return slices.Concat(quote(six).matches(packet.Disguise), marked, setPacketMark(0), quote(six).set(p))
}

// icmpErrors match the messages that quote a packet: types 3 to 5, 11 and 12 of ICMP (RFC 792) and 1
// to 4 of ICMPv6 (RFC 4443).
func icmpErrors() [][]expr.Any {
	types := func(six bool, p packet.Protocol, first, last byte) []expr.Any {
		return slices.Concat(version(six), protocol(p), []expr.Any{transport(0, 1), &expr.Range{Op: expr.CmpOpEq, Register: register, FromData: []byte{first}, ToData: []byte{last}}})
	}
	return [][]expr.Any{types(false, packet.ICMP, 3, 5), types(false, packet.ICMP, 11, 12), types(true, packet.ICMPv6, 1, 4)}
}

// A numberAt is where a packet has the number of a protocol.
type numberAt struct {
	six    bool
	base   expr.PayloadBase
	offset uint32
	quoted bool // the checksum of ICMP covers it
}

// header returns the place in the headers of IPv4 (RFC 791) and IPv6 (RFC 8200).
func header(six bool) numberAt {
	offset := uint32(9)
	if six {
		offset = 6
	}
	return numberAt{six: six, base: expr.PayloadBaseNetworkHeader, offset: offset}
}

// quote returns the place in such a header that an ICMP error quotes, after 8 bytes.
func quote(six bool) numberAt {
	return numberAt{six: six, base: expr.PayloadBaseTransportHeader, offset: 8 + header(six).offset, quoted: true}
}

// matches matches packets that have this number there.
func (n numberAt) matches(p packet.Protocol) []expr.Any {
	return append(version(n.six), &expr.Payload{DestRegister: register, Base: n.base, Offset: n.offset, Len: 1}, equal([]byte{byte(p)}))
}

// set writes another number. The checksum of an IPv4 header stays as it is, because nothing checks
// it before the number is back. Conntrack does check that of ICMP, which covers pairs of bytes.
func (n numberAt) set(p packet.Protocol) []expr.Any {
	if !n.quoted {
		return []expr.Any{
			&expr.Immediate{Register: register, Data: []byte{byte(p)}},
			&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: register, Base: n.base, Offset: n.offset, Len: 1},
		}
	}
	pair, mask, xor := n.offset&^1, []byte{0xff, 0xff}, []byte{0, 0}
	mask[n.offset-pair], xor[n.offset-pair] = 0, byte(p)
	return []expr.Any{
		transport(pair, 2),
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 2, Mask: mask, Xor: xor},
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: register, Base: n.base, Offset: pair, Len: 2, CsumType: expr.CsumTypeInet, CsumOffset: 2},
	}
}

// setZone makes conntrack look for the packet's flow in the zone of a protocol.
func setZone(p packet.Protocol) []expr.Any {
	return []expr.Any{&expr.Immediate{Register: register, Data: zone(p)}, &expr.Ct{Key: expr.CtKeyZONE, Register: register, SourceRegister: true}}
}

func zone(p packet.Protocol) []byte { return binaryutil.NativeEndian.PutUint16(uint16(p)) }

func setPacketMark(mark uint32) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: register, Data: binaryutil.NativeEndian.PutUint32(mark)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true},
	}
}
