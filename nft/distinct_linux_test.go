package nft

import (
	"testing"

	"github.com/google/nftables"
)

// The kernel may list an element twice, and the end of a range has the key of what begins there.
func TestDistinctElements(t *testing.T) {
	t.Parallel()
	list := []nftables.SetElement{{Key: []byte{1}}, {Key: []byte{2}}, {Key: []byte{1}}, {Key: []byte{2}, IntervalEnd: true}, {Key: []byte{2}, KeyEnd: []byte{3}}}
	if n := distinct(list); n != 4 {
		t.Errorf("%d elements, want 4", n)
	}
}
