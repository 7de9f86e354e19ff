package nft

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	mnl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/nft/ruleset"
)

// ruleMessage returns the message that makes a rule. The library could encode it too, but not all
// expressions.
func ruleMessage(at site, flags mnl.HeaderFlags, r ruleset.Rule, attributes func(*mnl.AttributeEncoder)) (mnl.Message, error) {
	exprs, err := expressions(r.Statements...)
	if err != nil {
		return mnl.Message{}, err
	}
	return encodeRule(at, flags, exprs, r.Comment, attributes)
}

func encodeRule(at site, flags mnl.HeaderFlags, exprs []expr.Any, comment string, attributes func(*mnl.AttributeEncoder)) (mnl.Message, error) {
	ae := mnl.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.String(unix.NFTA_RULE_TABLE, at.table)
	ae.String(unix.NFTA_RULE_CHAIN, at.chain)
	attributes(ae)
	ae.Nested(unix.NFTA_RULE_EXPRESSIONS, func(list *mnl.AttributeEncoder) error {
		for _, e := range exprs {
			b, err := marshal(e)
			if err != nil {
				return err
			}
			list.Bytes(mnl.Nested|unix.NFTA_LIST_ELEM, b)
		}
		return nil
	})
	if comment != "" {
		ae.Bytes(unix.NFTA_RULE_USERDATA, userdata.AppendString(nil, userdata.TypeComment, comment))
	}
	b, err := ae.Encode()
	return message(unix.NFT_MSG_NEWRULE, flags, b), err
}

// marshal returns an expression as the kernel reads it.
func marshal(e expr.Any) ([]byte, error) {
	original, is := e.(originalAddress)
	if !is {
		return expr.Marshal(byte(nftables.TableFamilyINet), e)
	}
	ae := mnl.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.String(unix.NFTA_EXPR_NAME, "ct")
	ae.Nested(unix.NFTA_EXPR_DATA, func(data *mnl.AttributeEncoder) error {
		data.Uint32(unix.NFTA_CT_KEY, uint32(original.Key))
		data.Uint32(unix.NFTA_CT_DREG, original.Register)
		data.Uint8(unix.NFTA_CT_DIRECTION, byte(original.Direction))
		return nil
	})
	return ae.Encode()
}

// message returns a message to nf_tables about the family inet.
func message(kind int, flags mnl.HeaderFlags, attributes []byte) mnl.Message {
	return mnl.Message{
		Header: mnl.Header{Type: mnl.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind), Flags: mnl.Request | flags},
		Data:   append([]byte{byte(nftables.TableFamilyINet), unix.NFNETLINK_V0, 0, 0}, attributes...),
	}
}
