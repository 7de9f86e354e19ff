package sim_test

import (
	"testing"
	"time"

	"lablab/enforce"
	"lablab/scenario"
)

// What is said of a run is true under every model.
func TestEveryModelIsExplained(t *testing.T) {
	for _, word := range []string{"aws-by-packet", "keep", "cut", "cut-inbound-strict", "cut-all", "request", "request-tombstone", "tied", "rejudge", "stateless", "syn", "sweep-no-delay"} {
		m, err := enforce.Parse(word)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range scenario.Builtins() {
			t.Run(word+"/"+name, func(t *testing.T) {
				t.Parallel()
				sc, _ := scenario.Builtin(name)
				under, err := sc.Under(m)
				if err != nil {
					return // it cannot run
				}
				run(t, under, 10*time.Millisecond)
			})
		}
	}
}

// Hosts of one lab may have different models.
func TestHostsOfSeveralModels(t *testing.T) {
	sc, err := scenario.Load("../testdata/models.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, r := run(t, sc, 10*time.Millisecond)
	expect(t, r, true)
}
