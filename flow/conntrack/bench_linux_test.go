package conntrack

import (
	"testing"

	"lablab/ns"
)

func BenchmarkDump(b *testing.B) {
	n, err := ns.New()
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	t, err := OpenTable(n)
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	for b.Loop() {
		if _, err := t.Dump(); err != nil {
			b.Fatal(err)
		}
	}
}
