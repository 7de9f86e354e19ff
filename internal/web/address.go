package web

import (
	"net/netip"

	"lablab/say"
)

// CheckAddress refuses any address but a literal loopback address: a name could resolve to another
// address tomorrow.
func CheckAddress(text string) error {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return say.Errorf("%q is not an address and port", text)
	}
	if a := at.Addr(); !a.IsLoopback() || a.Is4In6() || a.Zone() != "" {
		return say.Errorf("%s is not a loopback address of this machine", a)
	}
	return nil
}
