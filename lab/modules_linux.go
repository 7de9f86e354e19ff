package lab

import (
	"context"
	"errors"
	"time"

	"github.com/vishvananda/netlink"

	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/ns"
	"lablab/say"
	"lablab/sg"
)

// onceLoaded builds something. If the kernel lacks a part of what that takes, it may only be loading
// it: hosts and labs are built side by side, and not every modprobe(8) waits for another one that
// loads the same module. So onceLoaded waits for a moment until ready finds nothing missing, and
// builds again. If something stays missing, that is the error.
func onceLoaded(ctx context.Context, ready, build func() error) error {
	err := build()
	var unable *Unable
	if !errors.As(err, &unable) || !unable.kernel {
		return err
	}
	const long, step = 2 * time.Second, 20 * time.Millisecond
	for patience := ns.Patient(long, step); ; patience.Spend() {
		missing := ready()
		if missing == nil {
			return build()
		}
		if patience.Over() {
			return missing
		}
		select {
		case <-patience.Step():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// haveModules tries each part of the kernel that hosts of a lab need, in a namespace that is thrown
// away, and names the first that is missing.
func haveModules(bridged bool) error {
	n, err := ns.New()
	if err != nil {
		return unableTo(makeNamespace, err)
	}
	defer n.Close()
	if err := haveLinks(n, bridged); err != nil {
		return err
	}
	expressions := nft.Expressions()
	lacking, err := nft.TryExpressions(n, expressions)
	if err != nil {
		return unableTo(installRules, err)
	}
	for i, x := range expressions {
		switch {
		case lacking[i] == nil || !x.Needed:
		case nft.Lacks(lacking[i]):
			return &Unable{Lacks: say.F("this kernel's nf_tables lacks %s (%s)", x.Name, x.Option), Hint: hintOf(x), Err: lacking[i]}
		default:
			return unableTo(installRules, lacking[i])
		}
	}
	if err := conntrack.Configure(n, conntrack.Settings{Timeouts: sg.Nitro()}); err != nil {
		return unableTo(armConntrack, err)
	}
	table, err := conntrack.OpenTable(n)
	if err != nil {
		return unableTo(dumpEntries, err)
	}
	return table.Close()
}

func haveLinks(n *ns.Namespace, bridged bool) error {
	handle, err := rtnetlink(n)
	if err != nil {
		return unableTo(buildLab, err)
	}
	defer handle.Close()
	if err := handle.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "here"}, PeerName: "there"}); err != nil {
		return unableTo(makeVeth, err)
	}
	if !bridged {
		return nil
	}
	if err := handle.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "switch"}}); err != nil {
		return unableTo(makeBridge, err)
	}
	return nil
}

// hintOf returns a hint on how to get an expression that a kernel lacks.
func hintOf(x nft.Expression) say.Sentence {
	if x.Module == "" {
		return say.F("use a newer kernel: nf_tables has had it for years")
	}
	return kernelOf(x.Option, x.Module)
}
