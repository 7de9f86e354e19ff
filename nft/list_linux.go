package nft

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	mnl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// A listed is what the kernel lists of a rule, as far as it is needed. The library cannot decode
// rules that match the original tuple of a flow (google/nftables 0.3.0).
type listed struct {
	table, chain string
	handle       uint64
	id           string // the rule's comment
	mark         uint32 // what it writes into the mark of packets, 0 if nothing
	set          string // in which it looks up an address
	counts       bool   // whether it has a counter, with these values
	packets      uint64
	bytes        uint64
}

// list returns the rules of a chain, in order. t.mu is held.
func (t *Table) list(table, chain string) ([]listed, error) {
	socket, err := t.dial()
	if err != nil {
		return nil, err
	}
	t.retire(socket.Close)
	names := mnl.NewAttributeEncoder()
	names.String(unix.NFTA_RULE_TABLE, table)
	names.String(unix.NFTA_RULE_CHAIN, chain)
	wanted, err := names.Encode()
	if err != nil {
		return nil, err
	}
	request := mnl.Message{
		Header: mnl.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE, Flags: mnl.Request | mnl.Dump},
		Data:   append([]byte{byte(nftables.TableFamilyINet), unix.NFNETLINK_V0, 0, 0}, wanted...),
	}
	var rules []listed
	err = ns.Await(interrupt(socket), func() error {
		answers, err := socket.Execute(request)
		for _, m := range answers {
			r, err := decodeRule(m)
			if err != nil {
				return err
			}
			rules = append(rules, r)
		}
		return err
	})
	return rules, err
}

// decodeRule decodes a rule: enum nft_rule_attributes.
func decodeRule(m mnl.Message) (r listed, err error) {
	if len(m.Data) < 4 {
		return r, say.Errorf("decode rule: message of %d bytes", len(m.Data))
	}
	ad, err := decoder(m.Data[4:])
	if err != nil {
		return r, err
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			r.table = ad.String()
		case unix.NFTA_RULE_CHAIN:
			r.chain = ad.String()
		case unix.NFTA_RULE_HANDLE:
			r.handle = ad.Uint64()
		case unix.NFTA_RULE_USERDATA:
			r.id, _ = userdata.GetString(ad.Bytes(), userdata.TypeComment)
		case unix.NFTA_RULE_EXPRESSIONS:
			ad.Nested(func(list *mnl.AttributeDecoder) error {
				for list.Next() {
					list.Nested(r.decodeExpression)
				}
				return nil
			})
		}
	}
	if err := ad.Err(); err != nil {
		return r, say.Errorf("decode rule: %w", err)
	}
	return r, nil
}

func decoder(b []byte) (*mnl.AttributeDecoder, error) {
	ad, err := mnl.NewAttributeDecoder(b)
	if err != nil {
		return nil, say.Errorf("decode rule: %w", err)
	}
	ad.ByteOrder = binary.BigEndian
	return ad, nil
}

// decodeExpression decodes one expression of a rule: enum nft_expr_attributes.
func (r *listed) decodeExpression(ad *mnl.AttributeDecoder) error {
	name := ""
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_EXPR_NAME:
			name = ad.String()
		case unix.NFTA_EXPR_DATA:
			ad.Nested(func(data *mnl.AttributeDecoder) error {
				for data.Next() {
					r.decodeData(name, data)
				}
				return nil
			})
		}
	}
	return nil
}

// decodeData decodes one attribute of an expression. The mark is what the rule loads or, if it keeps
// bits of the old one, what it sets: no other expression of a rule has bits there.
func (r *listed) decodeData(name string, ad *mnl.AttributeDecoder) {
	value := func(value *mnl.AttributeDecoder) error {
		for value.Next() {
			if b := value.Bytes(); value.Type() == unix.NFTA_DATA_VALUE && len(b) == 4 && r.mark == 0 {
				r.mark = binary.NativeEndian.Uint32(b)
			}
		}
		return nil
	}
	switch at := ad.Type(); {
	case name == "counter" && at == unix.NFTA_COUNTER_PACKETS:
		r.counts, r.packets = true, ad.Uint64()
	case name == "counter" && at == unix.NFTA_COUNTER_BYTES:
		r.bytes = ad.Uint64()
	case name == "lookup" && at == unix.NFTA_LOOKUP_SET:
		r.set = ad.String()
	case name == "immediate" && at == unix.NFTA_IMMEDIATE_DATA, name == "bitwise" && at == unix.NFTA_BITWISE_XOR:
		ad.Nested(value)
	}
}
