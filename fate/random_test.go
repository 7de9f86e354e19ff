package fate_test

import (
	"flag"
	"fmt"
	"testing"

	"lablab/internal/fatetest"
)

var cases = flag.Int("cases", 500, "how many random changes to play")

// What is said of random flows in random accounts under random changes is what happens in memory,
// under every model.
func TestRandomChanges(t *testing.T) {
	t.Parallel()
	for seed := range *cases {
		f, places := fatetest.Random(uint64(seed))
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { prove(t, f, places) }) {
			return
		}
	}
}
