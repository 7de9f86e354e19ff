package nft

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
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

// rules returns the handles of the rules that were added since the last call, by their chains, in
// order, and whether the list is complete.
func (n *notifications) rules() (handles map[site][]uint64, complete bool, err error) {
	const newRule = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWRULE
	handles, complete = map[site][]uint64{}, true
	err = n.Drain(func(m netlink.Message) error {
		if m.Header.Type != newRule {
			return nil
		}
		r, err := decodeRule(m)
		if err != nil {
			return err
		}
		handles[r.site] = append(handles[r.site], r.handle)
		return nil
	}, func(int) { complete = false })
	return handles, complete, err
}
