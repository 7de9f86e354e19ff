package nft

import (
	"encoding/binary"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"lablab/sg"
)

// Expressions pass values through one register.
const register = unix.NFT_REG_1

// ruleExprs are the expressions of a security-group rule, in the order in which
// nft(8) would write them.
func ruleExprs(r Rule, d sg.Direction) []expr.Any {
	exprs := append(matchAddress(r, d), matchProtocol(r.Rule)...)
	return append(exprs,
		&expr.Counter{},
		&expr.Immediate{Register: register, Data: binaryutil.NativeEndian.PutUint32(r.Number)},
		&expr.Ct{Key: expr.CtKeyMARK, Register: register, SourceRegister: true},
		&expr.Verdict{Kind: expr.VerdictAccept},
	)
}

func establishedExprs() []expr.Any {
	return append(matchState(expr.CtStateBitESTABLISHED), &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictAccept})
}

// matchState is `ct state X`.
func matchState(bit uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bit), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: make([]byte, 4)},
	}
}

func matchAddress(r Rule, d sg.Direction) []expr.Any {
	// Offsets of source and destination in the headers of IPv4 (RFC 791) and IPv6 (RFC 8200).
	family, source, destination, size := byte(unix.NFPROTO_IPV4), uint32(12), uint32(16), uint32(4)
	if r.six() {
		family, source, destination, size = unix.NFPROTO_IPV6, 8, 24, 16
	}
	exprs := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register},
		equal([]byte{family}),
	}
	offset := source
	if d == sg.Egress {
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

func matchProtocol(r sg.Rule) []expr.Any {
	if r.Protocol == sg.All {
		return nil
	}
	exprs := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register},
		equal([]byte{byte(r.Protocol)}),
	}
	if r.From == sg.Any {
		return exprs
	}
	switch r.Protocol {
	case sg.ICMP, sg.ICMPv6: // type and code: bytes 0 and 1 (RFC 792, RFC 4443)
		exprs = append(exprs, transport(0, 1), equal([]byte{byte(r.From)}))
		if r.To != sg.Any {
			exprs = append(exprs, transport(1, 1), equal([]byte{byte(r.To)}))
		}
		return exprs
	}
	// The destination port: bytes 2 and 3 of TCP, UDP and SCTP.
	exprs = append(exprs, transport(2, 2))
	from, to := port(r.From), port(r.To)
	if r.From == r.To {
		return append(exprs, equal(from))
	}
	return append(exprs, &expr.Range{Op: expr.CmpOpEq, Register: register, FromData: from, ToData: to})
}

func transport(offset, length uint32) *expr.Payload {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: length}
}

func equal(value []byte) *expr.Cmp {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: value}
}

func port(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

// prefixMask is a network mask of so many bits in so many bytes.
func prefixMask(bits, size int) []byte {
	mask := make([]byte, size)
	for i := range bits {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return mask
}
