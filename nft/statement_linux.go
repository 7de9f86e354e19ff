package nft

import (
	"encoding/binary"
	"strings"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

// register is the one register through which expressions pass values.
const register = unix.NFT_REG_1

// An encoder writes statements as the kernel's expressions, in the order that nft(8) would use.
type encoder struct {
	exprs []expr.Any
	// What is matched already, and need not be matched again.
	version  byte
	protocol packet.Protocol
	err      error
}

// expressions returns the expressions of a rule.
func expressions(statements ...ruleset.Statement) ([]expr.Any, error) {
	e := encoder{protocol: packet.All}
	for _, s := range statements {
		e.add(s)
	}
	return e.exprs, e.err
}

// The offsets in bytes in the headers of IPv6 (RFC 8200), TCP (RFC 9293), and ICMP (RFC 792, RFC 4443).
const (
	hopLimitOffset    = 7
	flagsOffset       = 13
	typeOffset        = 0
	codeOffset        = 1
	sourceOffset      = 0 // of the ports of TCP, UDP and SCTP
	destinationOffset = 2
)

// loopbackIndex is the index of the loopback interface, in every network namespace.
const loopbackIndex = 1

func (e *encoder) add(s ruleset.Statement) {
	switch s := s.(type) {
	case ruleset.Version:
		e.matchVersion(s.Six)
	case ruleset.Address:
		e.matchAddress(s)
	case ruleset.Protocol:
		e.matchProtocol(packet.Protocol(s))
	case ruleset.Ports:
		e.matchProtocol(s.Protocol)
		e.match(transport(portOffset(s.Side), 2), port(s.First), port(s.Last))
	case ruleset.ICMP:
		e.matchICMP(s)
	case ruleset.TCPFlags:
		e.matchProtocol(packet.TCP)
		e.matchBits(transport(flagsOffset, 1), []byte{s.Mask}, []byte{s.Set}, s.Not)
	case ruleset.HopLimit:
		e.matchVersion(true)
		e.match(network(hopLimitOffset, 1), []byte{byte(s)}, []byte{byte(s)})
	case ruleset.Interface:
		e.matchInterface(s)
	case ruleset.Loopback:
		key := map[packet.Direction]expr.MetaKey{packet.Ingress: expr.MetaKeyIIF, packet.Egress: expr.MetaKeyOIF}[s.Direction]
		e.match(&expr.Meta{Key: key, Register: register}, native(loopbackIndex), native(loopbackIndex))
	case ruleset.State:
		e.matchBits(ct(expr.CtKeySTATE), native(uint32(s)), native(0), true)
	case ruleset.Status:
		e.matchBits(ct(expr.CtKeySTATUS), native(uint32(s)), native(0), true)
	case ruleset.FlowDirection:
		way := map[ruleset.FlowDirection]byte{ruleset.Original: originalDirection, ruleset.Reply: replyDirection}[s]
		e.match(ct(expr.CtKeyDIRECTION), []byte{way}, []byte{way})
	case ruleset.CtMark:
		e.matchMark(s)
	case ruleset.PacketMark:
		e.append(&expr.Meta{Key: expr.MetaKeyMARK, Register: register}, compare(native(s.Value), s.Not))
	case ruleset.OriginalPorts:
		key := map[ruleset.Side]expr.CtKey{ruleset.Source: expr.CtKeyPROTOSRC, ruleset.Destination: expr.CtKeyPROTODST}[s.Side]
		e.match(&expr.Ct{Key: key, Register: register, Direction: originalDirection}, port(s.First), port(s.Last))
	default:
		e.act(s)
	}
}

// act adds a statement that does something to packets.
func (e *encoder) act(s ruleset.Statement) {
	packetMark, entryMark := &expr.Meta{Key: expr.MetaKeyMARK, Register: register}, ct(expr.CtKeyMARK)
	setPacketMark := &expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true}
	setEntryMark := &expr.Ct{Key: expr.CtKeyMARK, Register: register, SourceRegister: true}
	switch s := s.(type) {
	case ruleset.Counter:
		e.append(&expr.Counter{Packets: s.Packets, Bytes: s.Bytes})
	case ruleset.SetMark:
		e.load(packetMark, s.Keep, s.Set)
		e.append(setPacketMark)
	case ruleset.SetCtMark:
		e.load(entryMark, s.Keep, s.Set)
		e.append(setEntryMark)
	case ruleset.CopyMark:
		e.append(packetMark, setEntryMark)
	case ruleset.Trace:
		e.append(&expr.Immediate{Register: register, Data: []byte{1}}, &expr.Meta{Key: expr.MetaKeyNFTRACE, Register: register, SourceRegister: true})
	case ruleset.Reset:
		e.append(&expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
	case ruleset.Masquerade:
		e.append(&expr.Masq{})
	case ruleset.Verdict:
		e.append(verdict(s))
	default:
		e.err = say.Errorf("write a statement for the kernel: %s is unknown", s)
	}
}

func (e *encoder) append(exprs ...expr.Any) { e.exprs = append(e.exprs, exprs...) }

// match adds an expression that loads a value, and matches values from first to last.
func (e *encoder) match(load expr.Any, first, last []byte) {
	if string(first) == string(last) {
		e.append(load, equal(first))
		return
	}
	e.append(load, &expr.Range{Op: expr.CmpOpEq, Register: register, FromData: first, ToData: last})
}

// matchBits compares those bits of a value that are in the mask.
func (e *encoder) matchBits(load expr.Any, mask, value []byte, not bool) {
	e.append(load, keep(mask, make([]byte, len(mask))), compare(value, not))
}

// load loads a mark, of which it keeps some bits and sets others.
func (e *encoder) load(mark expr.Any, kept, set uint32) {
	if kept == 0 {
		e.append(&expr.Immediate{Register: register, Data: native(set)})
		return
	}
	e.append(mark, keep(native(kept), native(set)))
}

func (e *encoder) matchVersion(six bool) {
	family := byte(unix.NFPROTO_IPV4)
	if six {
		family = unix.NFPROTO_IPV6
	}
	if e.version != family {
		e.append(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register}, equal([]byte{family}))
	}
	e.version = family
}

func (e *encoder) matchProtocol(p packet.Protocol) {
	if e.protocol != p {
		e.append(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}, equal([]byte{byte(p)}))
	}
	e.protocol = p
}

func (e *encoder) matchAddress(a ruleset.Address) {
	load := addressOf(a)
	if !a.Original {
		e.matchVersion(a.Is6())
	}
	if a.Set != "" {
		e.append(load, &expr.Lookup{SourceRegister: register, SetName: a.Set})
		return
	}
	first, last := a.Range.First.AsSlice(), a.Range.Last.AsSlice()
	p, isPrefix := a.Range.Prefix()
	switch {
	case isPrefix && p.Bits() == 0 && !a.Original:
		// The version is all there is to match.
	case isPrefix && !p.IsSingleIP():
		e.append(load, keep(prefixMask(p.Bits(), len(first)), make([]byte, len(first))), equal(first))
	default:
		e.match(load, first, last)
	}
}

// addressOf loads an address: at its offset in the header of IPv4 (RFC 791) or IPv6 (RFC 8200), or
// from the entry.
func addressOf(a ruleset.Address) expr.Any {
	place := map[bool]int{true: 1}[a.Side == ruleset.Destination]
	offset, size, key := [2]uint32{12, 16}[place], uint32(4), [2]expr.CtKey{unix.NFT_CT_SRC_IP, unix.NFT_CT_DST_IP}[place]
	if a.Is6() {
		offset, size, key = [2]uint32{8, 24}[place], 16, [2]expr.CtKey{unix.NFT_CT_SRC_IP6, unix.NFT_CT_DST_IP6}[place]
	}
	if a.Original {
		return originalAddress{&expr.Ct{Key: key, Register: register, Direction: originalDirection}}
	}
	return network(offset, size)
}

func (e *encoder) matchICMP(i ruleset.ICMP) {
	if e.version == 0 {
		e.matchVersion(i.Protocol == packet.ICMPv6)
	}
	e.matchProtocol(i.Protocol)
	e.match(transport(typeOffset, 1), []byte{i.First}, []byte{i.Last})
	if i.Code != ruleset.AnyCode {
		e.append(transport(codeOffset, 1), equal([]byte{byte(i.Code)}))
	}
}

// matchInterface compares a whole name with the zeros behind it, and the beginning of one without.
func (e *encoder) matchInterface(i ruleset.Interface) {
	key := map[packet.Direction]expr.MetaKey{packet.Ingress: expr.MetaKeyIIFNAME, packet.Egress: expr.MetaKeyOIFNAME}[i.Direction]
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, i.Name)
	if beginning, cut := strings.CutSuffix(i.Name, "*"); cut {
		name = []byte(beginning)
	}
	e.append(&expr.Meta{Key: key, Register: register}, compare(name, i.Not))
}

func (e *encoder) matchMark(m ruleset.CtMark) {
	load := ct(expr.CtKeyMARK)
	switch {
	case m.Set != "":
		e.append(load, &expr.Lookup{SourceRegister: register, SetName: m.Set, Invert: m.Not})
	case m.Mask != 0:
		e.matchBits(load, native(m.Mask), native(m.Value), m.Not)
	default:
		e.append(load, compare(native(m.Value), m.Not))
	}
}

func verdict(v ruleset.Verdict) expr.Any {
	switch word, chain, _ := strings.Cut(string(v), " "); word {
	case "jump":
		return &expr.Verdict{Kind: expr.VerdictJump, Chain: chain}
	case "goto":
		return &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}
	}
	switch v {
	case ruleset.Accept:
		return &expr.Verdict{Kind: expr.VerdictAccept}
	case ruleset.Return:
		return &expr.Verdict{Kind: expr.VerdictReturn}
	}
	return &expr.Verdict{Kind: expr.VerdictDrop}
}

// An originalAddress loads an address of a flow's first packet. The library encodes it without the
// direction (google/nftables 0.3.0).
type originalAddress struct{ *expr.Ct }

func network(offset, length uint32) *expr.Payload {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}
}

func transport(offset, length uint32) *expr.Payload {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: length}
}

func portOffset(s ruleset.Side) uint32 {
	if s == ruleset.Source {
		return sourceOffset
	}
	return destinationOffset
}

func ct(key expr.CtKey) *expr.Ct { return &expr.Ct{Key: key, Register: register} }

func keep(mask, xor []byte) *expr.Bitwise {
	return &expr.Bitwise{SourceRegister: register, DestRegister: register, Len: uint32(len(mask)), Mask: mask, Xor: xor}
}

func equal(value []byte) *expr.Cmp { return compare(value, false) }

func compare(value []byte, not bool) *expr.Cmp {
	op := expr.CmpOpEq
	if not {
		op = expr.CmpOpNeq
	}
	return &expr.Cmp{Op: op, Register: register, Data: value}
}

func native(n uint32) []byte { return binaryutil.NativeEndian.PutUint32(n) }

func port(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }

// prefixMask returns a network mask with that many bits set, in that many bytes.
func prefixMask(bits, size int) []byte {
	mask := make([]byte, size)
	for i := range bits {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return mask
}

// The values of `ct direction`: enum ip_conntrack_dir in
// linux/netfilter/nf_conntrack_tuple_common.h.
const (
	originalDirection = 0
	replyDirection    = 1
)
