package nft

import (
	"slices"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"lablab/packet"
	"lablab/sg"
)

// ruleExprs returns the expressions of a security-group rule, in the order that nft(8) would use.
func ruleExprs(r Rule, d packet.Direction) []expr.Any {
	exprs := append(matchAddress(r, d), matchProtocol(r.Rule)...)
	return append(exprs,
		&expr.Counter{},
		&expr.Immediate{Register: register, Data: binaryutil.NativeEndian.PutUint32(r.Number)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true},
		&expr.Verdict{Kind: expr.VerdictAccept},
	)
}

// fixedExprs returns the expressions of the fixed rules, one list for each rule of fixedRules.
func (rs Ruleset) fixedExprs(d packet.Direction) [][]expr.Any {
	counted := func(match []expr.Any) []expr.Any {
		return append(match, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictAccept})
	}
	// Type 3 code 4 is "fragmentation needed" (RFC 792), ICMPv6 type 2 "packet too big" (RFC 4443).
	isRelated := func(match ...[]expr.Any) []expr.Any {
		return counted(append(matchState(expr.CtStateBitRELATED), slices.Concat(match...)...))
	}
	rules := [][]expr.Any{
		counted(rs.establishedExprs()),
		discoveryExprs(),
		linkExprs(1, 130, 132),
		linkExprs(1, 143, 143),
	}
	if !rs.Guarded {
		rules = append(rules, loopbackExprs(d))
	}
	if d == packet.Egress {
		for _, r := range services() {
			_, destination, size := addressOffsets(r.First.Is6())
			load := &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: destination, Len: size}
			rules = append(rules, append(version(r.First.Is6()), load, matchRange(r), &expr.Verdict{Kind: expr.VerdictAccept}))
		}
	}
	switch rs.Related {
	case RelatedPMTU:
		rules = append(rules,
			isRelated(protocol(packet.ICMP), []expr.Any{transport(0, 1), equal([]byte{3}), transport(1, 1), equal([]byte{4})}),
			isRelated(protocol(packet.ICMPv6), []expr.Any{transport(0, 1), equal([]byte{2})}))
	case RelatedAll:
		rules = append(rules, isRelated())
	}
	return rules
}

// loopbackExprs accept the host's traffic to itself. In its own network namespace, the loopback
// interface has the index 1.
func loopbackExprs(d packet.Direction) []expr.Any {
	key := expr.MetaKeyIIF
	if d == packet.Egress {
		key = expr.MetaKeyOIF
	}
	return []expr.Any{&expr.Meta{Key: key, Register: register}, equal(binaryutil.NativeEndian.PutUint32(1)), &expr.Verdict{Kind: expr.VerdictAccept}}
}

// discoveryExprs accept neighbour discovery: types 133 to 137, with a hop limit of 255.
func discoveryExprs() []expr.Any { return linkExprs(255, 133, 137) }

// linkExprs accept a range of ICMPv6 types with a given hop limit.
func linkExprs(hops, first, last byte) []expr.Any {
	hopLimit := &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: 7, Len: 1}
	var types expr.Any = &expr.Range{Op: expr.CmpOpEq, Register: register, FromData: []byte{first}, ToData: []byte{last}}
	if first == last {
		types = equal([]byte{first})
	}
	return slices.Concat(version(true), []expr.Any{hopLimit, equal([]byte{hops})}, protocol(packet.ICMPv6), []expr.Any{transport(0, 1), types, &expr.Verdict{Kind: expr.VerdictAccept}})
}

func protocol(p packet.Protocol) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}, equal([]byte{byte(p)})}
}

// matchState returns `ct state X`.
func matchState(bit uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bit), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: make([]byte, 4)},
	}
}

func matchAddress(r Rule, d packet.Direction) []expr.Any {
	source, destination, size := addressOffsets(r.six())
	exprs := version(r.six())
	offset := source
	if d == packet.Egress {
		offset = destination
	}
	load := &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size}
	if r.Set != nil {
		return append(exprs, load, &expr.Lookup{SourceRegister: register, SetName: r.Set.Name})
	}
	peer := r.Peer
	if peer.Bits() == 0 {
		return exprs
	}
	address := peer.Masked().Addr().AsSlice()
	exprs = append(exprs, load)
	if !peer.IsSingleIP() {
		exprs = append(exprs, &expr.Bitwise{SourceRegister: register, DestRegister: register, Len: uint32(len(address)),
			Mask: prefixMask(peer.Bits(), len(address)), Xor: make([]byte, len(address))})
	}
	return append(exprs, equal(address))
}

// addressOffsets returns the offsets of source and destination in the headers of IPv4 (RFC 791) and
// IPv6 (RFC 8200), and the size of an address, in bytes.
func addressOffsets(six bool) (source, destination, size uint32) {
	if six {
		return 8, 24, 16
	}
	return 12, 16, 4
}

func matchRange(r Range) expr.Any {
	if r.First == r.Last {
		return equal(r.First.AsSlice())
	}
	return &expr.Range{Op: expr.CmpOpEq, Register: register, FromData: r.First.AsSlice(), ToData: r.Last.AsSlice()}
}

func matchProtocol(r sg.Rule) []expr.Any {
	if r.Protocol == packet.All {
		return nil
	}
	exprs := protocol(r.Protocol)
	if r.From == sg.Any {
		return exprs
	}
	switch r.Protocol {
	case packet.ICMP, packet.ICMPv6: // type and code: bytes 0 and 1 (RFC 792, RFC 4443)
		exprs = append(exprs, transport(0, 1), equal([]byte{byte(r.From)}))
		if r.To != sg.Any {
			exprs = append(exprs, transport(1, 1), equal([]byte{byte(r.To)}))
		}
		return exprs
	}
	// The destination port: bytes 2 and 3 of TCP, UDP and SCTP.
	return append(exprs, transport(2, 2), matchPorts(r.From, r.To))
}

func matchPorts(from, to int) expr.Any {
	if from == to {
		return equal(port(uint16(from)))
	}
	return &expr.Range{Op: expr.CmpOpEq, Register: register, FromData: port(uint16(from)), ToData: port(uint16(to))}
}

// version matches packets of one version of IP.
func version(six bool) []expr.Any {
	family := byte(unix.NFPROTO_IPV4)
	if six {
		family = unix.NFPROTO_IPV6
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register}, equal([]byte{family})}
}
