package sim_test

import (
	"strings"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/scenario"
)

// What is said of a run is true under every model.
func TestEveryModelIsExplained(t *testing.T) {
	var models []enforce.Choice
	for _, m := range enforce.Models() {
		models = append(models, enforce.Choice{Model: m})
		for _, k := range m.Traits().Knobs {
			for _, value := range k.Choices[1:] {
				with, err := enforce.With(m, k.Name, value)
				if err != nil {
					t.Fatal(err)
				}
				models = append(models, enforce.Choice{Model: with})
			}
		}
	}
	for _, m := range models {
		for _, name := range scenario.Builtins() {
			t.Run(m.String()+"/"+name, func(t *testing.T) {
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

// A model that drops what belongs to no flow does so although a rule allows it, and the report says so.
func TestOutsideFlows(t *testing.T) {
	sc, err := scenario.Load("testdata/outside-flows.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, r := run(t, sc, 10*time.Millisecond)
	expect(t, r, true)
	var said strings.Builder
	for _, part := range r.Why {
		for _, line := range part.Sentences {
			said.WriteString(line.String() + "\n")
		}
	}
	for _, want := range []string{
		"Packets 4–6 were INVALID: A's conntrack entry had been deleted in experiment 2, and conntrack does not pick up connections mid-stream. Model tied drops what belongs to no flow, whatever the rules say.",
		"Packets 4–6 were INVALID: B's conntrack entry had been deleted in experiment 2, and conntrack does not pick up connections mid-stream. Model tied drops what belongs to no flow, whatever the rules say.",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("want %q in\n%s", want, said.String())
		}
	}
}
