package nft

import (
	"errors"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"lablab/nft/ruleset"
	"lablab/packet"
)

// Conntrack reads more of some protocols than EC2 does ([packet.Disguised]), and no setting stops it.
// But it reads nothing of a protocol that it does not know. So a table of its own changes the number
// of these protocols just before conntrack looks up a packet, and changes it back right after; also
// in the header that an ICMP error quotes. Each protocol has a zone of conntrack, with its number, so
// their flows are kept apart.

// disguiseTable is that table.
const disguiseTable = "disguise"

// disguise creates it. The error satisfies [Lacks] if the kernel has no zones. f.mu is held.
func (f *Firewall) disguise() error {
	tx := newTransaction()
	tx.add(func(c *nftables.Conn) {
		table := c.AddTable(kernelTable(disguiseTable))
		tx.err = errors.Join(tx.err, addMaps(c, table), addExtensions(c, table))
		for _, hook := range []struct {
			name   string
			number *nftables.ChainHook
		}{{"prerouting", nftables.ChainHookPrerouting}, {"output", nftables.ChainHookOutput}} {
			chain := func(when string, offset nftables.ChainPriority) *nftables.Chain {
				priority, policy := *nftables.ChainPriorityConntrack+offset, nftables.ChainPolicyAccept
				return c.AddChain(&nftables.Chain{Table: table, Name: when + "_" + hook.name, Type: nftables.ChainTypeFilter, Hooknum: hook.number, Priority: &priority, Policy: &policy})
			}
			before, after := chain("before", -1), chain("after", 1)
			for _, n := range numbers() {
				c.AddRule(&nftables.Rule{Table: table, Chain: before, Exprs: n.disguise()})
				c.AddRule(&nftables.Rule{Table: table, Chain: after, Exprs: n.restore()})
			}
			for _, n := range quotes() {
				c.AddRule(&nftables.Rule{Table: table, Chain: before, Exprs: n.disguiseQuote()})
				c.AddRule(&nftables.Rule{Table: table, Chain: after, Exprs: n.restoreQuote()})
			}
		}
	})
	return f.commit(tx)
}

// addMaps adds two maps: the zone of each protocol, and the protocol of each zone.
func addMaps(c *nftables.Conn, t *nftables.Table) error {
	zones := &nftables.Set{Table: t, Name: "zones", ID: 1, IsMap: true, KeyType: nftables.TypeInetProto, DataType: nftables.TypeMark}
	protocols := &nftables.Set{Table: t, Name: "protocols", ID: 2, IsMap: true, KeyType: nftables.TypeMark, DataType: nftables.TypeInetProto}
	var zoneOf, protocolOf []nftables.SetElement
	for _, p := range packet.Disguised() {
		zoneOf = append(zoneOf, nftables.SetElement{Key: []byte{byte(p)}, Val: zone(p)})
		protocolOf = append(protocolOf, nftables.SetElement{Key: zone(p), Val: []byte{byte(p)}})
	}
	return errors.Join(c.AddSet(zones, zoneOf), c.AddSet(protocols, protocolOf))
}

// zone returns the zone of a protocol, as registers have it: two bytes, and two more that are 0.
func zone(p packet.Protocol) []byte {
	return append(binaryutil.NativeEndian.PutUint16(uint16(p)), 0, 0)
}

// A number is where a packet has the number of a protocol.
type number struct {
	packets []expr.Any // what they match
	base    expr.PayloadBase
	offset  uint32
}

// The places in the headers of IPv4 (RFC 791) and IPv6 (RFC 8200), and in the first extension header
// behind that. Errors of ICMP have 8 bytes before such a header.
const (
	fourNumber, sixNumber, extensionNumber = 9, 6, 40

	errorHeader = 8
)

// The extension headers of IPv6 that can be before a protocol: hop-by-hop options, routing, and
// destination options, which Linux's tunnels send (RFC 2473). Fragments are whole again here.
const extensionSet = "extensions"

func addExtensions(c *nftables.Conn, t *nftables.Table) error {
	set := &nftables.Set{Table: t, Name: extensionSet, ID: 3, KeyType: nftables.TypeInetProto}
	return c.AddSet(set, []nftables.SetElement{{Key: []byte{0}}, {Key: []byte{43}}, {Key: []byte{60}}})
}

// extended matches packets in which n is the number of an extension header.
func (n number) extended() []expr.Any {
	return append(n.load(), &expr.Lookup{SourceRegister: register, SetName: extensionSet})
}

// numbers returns where packets have the number.
func numbers() []number {
	const base = expr.PayloadBaseNetworkHeader
	six := number{matching(ruleset.Version{Six: true}), base, sixNumber}
	extension := number{six.extended(), base, extensionNumber}
	all := []number{{matching(ruleset.Version{}), base, fourNumber}, six, extension}
	for eights := range uint32(4) { // the first of two extension headers has up to 32 bytes
		all = append(all, number{append(extension.extended(), network(extensionNumber+1, 1), equal([]byte{byte(eights)})), base, extensionNumber + 8*(eights+1)})
	}
	return all
}

// quotes returns where ICMP errors quote it: types 3 to 5, 11 and 12 of ICMP (RFC 792) and 1 to 4 of
// ICMPv6 (RFC 4443).
func quotes() []number {
	const base = expr.PayloadBaseTransportHeader
	types := func(p packet.Protocol, first, last byte) []expr.Any {
		return matching(ruleset.ICMP{Protocol: p, First: first, Last: last, Code: ruleset.AnyCode})
	}
	six := number{types(packet.ICMPv6, 1, 4), base, errorHeader + sixNumber}
	return []number{
		{types(packet.ICMP, 3, 5), base, errorHeader + fourNumber},
		{types(packet.ICMP, 11, 12), base, errorHeader + fourNumber},
		six,
		{six.extended(), base, errorHeader + extensionNumber},
	}
}

// matching returns the expressions of statements, all of which are known.
func matching(statements ...ruleset.Statement) []expr.Any {
	exprs, _ := expressions(statements...)
	return exprs
}

// load reads the number of the packets that match.
func (n number) load() []expr.Any {
	return append(slices.Clone(n.packets), &expr.Payload{DestRegister: register, Base: n.base, Offset: n.offset, Len: 1})
}

// zoned matches packets that have the number of a disguised protocol, and makes conntrack look for
// their flow in its zone.
func (n number) zoned() []expr.Any {
	return append(n.load(), lookup("zones"), &expr.Ct{Key: expr.CtKeyZONE, Register: register, SourceRegister: true})
}

// disguised matches packets whose number was changed.
func (n number) disguised() []expr.Any {
	return append(n.load(), equal([]byte{byte(packet.Disguise)}))
}

// disguise changes the number in a packet's own header. The checksum of IPv4 stays as it is, because
// nothing checks it before the number is back.
func (n number) disguise() []expr.Any {
	return append(n.zoned(), &expr.Immediate{Register: register, Data: []byte{byte(packet.Disguise)}}, n.write())
}

// restore changes it back.
func (n number) restore() []expr.Any {
	return append(n.disguised(), &expr.Ct{Key: expr.CtKeyZONE, Register: register}, lookup("protocols"), n.write())
}

func (n number) write() expr.Any {
	return &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: register, Base: n.base, Offset: n.offset, Len: 1}
}

// disguiseQuote changes the number in the header that an ICMP error quotes. If conntrack does not
// know that flow, the packet has no zone afterwards, so its mark keeps the bytes.
func (n number) disguiseQuote() []expr.Any {
	keep := &expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 2, Mask: []byte{0xff, 0xff}, Xor: []byte{0, 0}}
	at := n.offset % 2
	keep.Mask[at], keep.Xor[at] = 0, byte(packet.Disguise)
	return append(n.zoned(), transport(n.offset-at, 2),
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true}, keep, n.writePair())
}

// restoreQuote changes it back.
func (n number) restoreQuote() []expr.Any {
	return append(n.disguised(), &expr.Meta{Key: expr.MetaKeyMARK, Register: register}, n.writePair(),
		&expr.Immediate{Register: register, Data: make([]byte, 4)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true})
}

// writePair also corrects the checksum of ICMP, which conntrack checks. It is one of pairs of bytes.
func (n number) writePair() expr.Any {
	return &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: register, Base: n.base, Offset: n.offset &^ 1, Len: 2, CsumType: expr.CsumTypeInet, CsumOffset: 2}
}

func lookup(mapping string) expr.Any {
	return &expr.Lookup{SourceRegister: register, DestRegister: register, IsDestRegSet: true, SetName: mapping}
}
