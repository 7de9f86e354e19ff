package ns_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
	"lablab/ns"
)

func TestLackingAgreesWithPowerful(t *testing.T) {
	if lacking := ns.Confined().Lacking; ns.Powerful() != (len(lacking) == 0) {
		t.Errorf("powerful: %v, lacking: %v", ns.Powerful(), lacking)
	}
}

// Trying leaves no process behind and changes nothing here.
func TestTryRootless(t *testing.T) {
	nstest.Kernel(t)
	before := current(t)
	if err := ns.TryRootless(); err != nil {
		t.Skip(err) // root can run these tests even if user namespaces are forbidden
	}
	if after := current(t); after != before {
		t.Errorf("in %s, was in %s", after, before)
	}
}

func TestBufferIsWhatTheKernelGranted(t *testing.T) {
	l, err := nstest.New(t).Listen(unix.NFNLGRP_NFTRACE)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	granted, wanted, err := l.Buffer()
	if err != nil || granted <= 0 || granted > wanted {
		t.Errorf("%d of %d, %v", granted, wanted, err)
	}
	if !ns.IsRootless() && granted != wanted {
		t.Errorf("root was granted %d of %d", granted, wanted)
	}
}
