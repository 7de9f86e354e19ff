package nstest

import (
	"slices"
	"strings"
	"testing"
)

// tools.txt is sorted, and each program has a package.
func TestTools(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(programs, "\n"), "\n")
	if !slices.IsSorted(lines) || len(slices.Compact(lines)) != len(packages()) {
		t.Error("tools.txt is not sorted, or names a program twice")
	}
	for _, line := range lines {
		if len(strings.Fields(line)) != 2 {
			t.Errorf("%q is not a program and its package", line)
		}
	}
}

// Missing lists every missing program, and each package once.
func TestMissing(t *testing.T) {
	installed := func(but ...string) func(string) string {
		return func(program string) string {
			if slices.Contains(but, program) {
				return ""
			}
			return "/bin/" + program
		}
	}
	if got, want := missing(installed("ss", "nft", "ip")), "not installed: ip nft ss; apt-get install iproute2 nftables"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := missing(installed()); got != "" {
		t.Errorf("%q, though nothing is missing", got)
	}
}
