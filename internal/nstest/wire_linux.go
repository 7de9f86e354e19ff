package nstest

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"lablab/ns"
)

// The addresses of the two ends of a [Wire].
var (
	Left  = netip.MustParseAddr("192.0.2.1")
	Right = netip.MustParseAddr("192.0.2.2")
)

// Wire returns two namespaces joined by a veth pair, with the addresses Left and Right. It uses
// ip(8) instead of our own code.
func Wire(t testing.TB) (left, right *ns.Namespace) {
	t.Helper()
	left, right = New(t), New(t)
	// Given a file descriptor, iproute2 can only move the peer into its namespace through a path.
	Output(t, left, "ip", "link", "add", "w0", "type", "veth", "peer", "name", "w1", "netns", fdPath(right))
	for _, end := range []struct {
		n             *ns.Namespace
		name, address string
	}{{left, "w0", Left.String()}, {right, "w1", Right.String()}} {
		Output(t, end.n, "ip", "address", "add", end.address+"/24", "dev", end.name)
		Output(t, end.n, "ip", "link", "set", end.name, "up")
	}
	for _, end := range []*ns.Namespace{left, right} {
		for strings.Contains(Output(t, end, "ip", "-o", "link", "show", "up"), "NO-CARRIER") {
		}
	}
	Output(t, left, "ping", "-q", "-c1", "-w5", Right.String())
	return left, right
}

func fdPath(n *ns.Namespace) string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.FD())
}
