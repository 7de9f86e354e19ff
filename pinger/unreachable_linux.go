package pinger

import (
	"errors"
	"slices"
	"syscall"
)

// unreachable reports whether an error of a socket says that the other end refuses, or that a host on
// the way does: a TCP RST, or an ICMP error (icmp_err_convert in net/ipv4/icmp.c, icmpv6_err_convert
// in net/ipv6/icmp.c).
func unreachable(err error) bool {
	return slices.ContainsFunc([]error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES, syscall.ENOPROTOOPT}, func(known error) bool {
		return errors.Is(err, known)
	})
}
