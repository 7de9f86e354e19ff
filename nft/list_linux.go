package nft

import (
	"encoding/binary"

	"github.com/google/nftables/userdata"
	mnl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// list returns the rules of a chain, in order. f.mu is held. The library cannot decode rules that
// match the original tuple of a flow (google/nftables 0.3.0).
func (f *Firewall) list(at site) ([]listed, error) {
	socket, err := f.dial()
	if err != nil {
		return nil, err
	}
	f.retire(socket.Close)
	names := mnl.NewAttributeEncoder()
	names.String(unix.NFTA_RULE_TABLE, at.table)
	names.String(unix.NFTA_RULE_CHAIN, at.chain)
	wanted, err := names.Encode()
	if err != nil {
		return nil, err
	}
	request := message(unix.NFT_MSG_GETRULE, mnl.Dump, wanted)
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
			r.comment, _ = userdata.GetString(ad.Bytes(), userdata.TypeComment)
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
			r.rejects = r.rejects || name == "reject"
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

// decodeData decodes one attribute of an expression.
func (r *listed) decodeData(name string, ad *mnl.AttributeDecoder) {
	switch at := ad.Type(); {
	case name == "counter" && at == unix.NFTA_COUNTER_PACKETS:
		r.counts, r.packets = true, ad.Uint64()
	case name == "counter" && at == unix.NFTA_COUNTER_BYTES:
		r.bytes = ad.Uint64()
	case name == "immediate" && at == unix.NFTA_IMMEDIATE_DATA:
		ad.Nested(r.decodeVerdict)
	}
}

// decodeVerdict finds the chain to which a verdict sends packets.
func (r *listed) decodeVerdict(ad *mnl.AttributeDecoder) error {
	for ad.Next() {
		if ad.Type() != unix.NFTA_DATA_VERDICT {
			continue
		}
		ad.Nested(func(verdict *mnl.AttributeDecoder) error {
			for verdict.Next() {
				if verdict.Type() == unix.NFTA_VERDICT_CHAIN {
					r.next = verdict.String()
				}
			}
			return nil
		})
	}
	return nil
}
