package nft

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// notifications are the kernel's notifications of new rules in one namespace (NFNLGRP_NFTABLES). They
// have the rules' handles, which the library does not return. Listing all rules to get them takes
// longer than adding one.
type notifications struct{ *ns.Listener }

func listenForRules(n *ns.Namespace) (*notifications, error) {
	l, err := n.Listen(unix.NFNLGRP_NFTABLES)
	if err != nil {
		return nil, err
	}
	return &notifications{l}, nil
}

// rules returns the handles of the rules that were added to the group's table since the last call,
// in order, and whether the list is complete.
func (n *notifications) rules() (handles map[packet.Direction][]uint64, complete bool, err error) {
	const newRule = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWRULE
	handles, complete = map[packet.Direction][]uint64{}, true
	err = n.Drain(func(m netlink.Message) error {
		if m.Header.Type != newRule {
			return nil
		}
		table, chain, handle, err := decodeRule(m)
		if err != nil {
			return err
		}
		if table == GroupTable {
			handles[packet.Direction(chain)] = append(handles[packet.Direction(chain)], handle)
		}
		return nil
	}, func(int) { complete = false })
	return handles, complete, err
}

// decodeRule decodes which table and chain a rule is in, and its handle: enum nft_rule_attributes.
func decodeRule(m netlink.Message) (table, chain string, handle uint64, err error) {
	if len(m.Data) < 4 {
		return "", "", 0, say.Errorf("decode rule: message of %d bytes", len(m.Data))
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return "", "", 0, say.Errorf("decode rule: %w", err)
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			table = ad.String()
		case unix.NFTA_RULE_CHAIN:
			chain = ad.String()
		case unix.NFTA_RULE_HANDLE:
			ad.Do(func(b []byte) error {
				if len(b) != 8 {
					return say.Errorf("decode rule: handle of %d bytes", len(b))
				}
				handle = binary.BigEndian.Uint64(b)
				return nil
			})
		}
	}
	return table, chain, handle, ad.Err()
}
