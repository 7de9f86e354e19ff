package nft

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lablab/nft/ruleset"
)

// chain reads the rules of a chain: "a b* k1". Those with a star may be in any order, and those that
// end in a digit have the rest as their key.
func chain(text string) (rules []ruleset.Rule) {
	for _, word := range strings.Fields(text) {
		name, anyOrder := strings.CutSuffix(word, "*")
		r := ruleset.Rule{Comment: name, AnyOrder: anyOrder, Statements: []ruleset.Statement{ruleset.Accept}}
		if key := strings.TrimRight(name, "0123456789"); key != name {
			r.Key, r.Comment, r.Statements[0] = key, key, ruleset.Jump(name)
		}
		rules = append(rules, r)
	}
	return rules
}

func TestArrange(t *testing.T) {
	for _, c := range []struct{ from, to, want, stay string }{
		{"a b c", "a b c", "a b c", "a b c"},
		{"a b c", "a c", "a c", "a c"},
		{"a c", "a b c", "a b c", "a c"},
		{"", "a b", "a b", ""},
		{"a b", "", "", ""},
		{"a b c d", "d a b c", "d a b c", "a b c"},
		{"a b c d", "b a d c", "b a d c", "a c"},
		{"a b c", "a x c", "a x c", "a c"},
		{"a a", "a a a", "a a a", "a a"},
		// Rules in any order: those that stay are where they were, and new ones behind them.
		{"f a* b* c*", "f c* x* a*", "f a* c* x*", "f a* c*"},
		{"a* b*", "x* b* a*", "a* b* x*", "a* b*"},
		{"a* b* l", "x* a* l", "a* x* l", "a* l"},
		{"a* m b*", "b* m a*", "b* m a*", "a*"},
		// A key.
		{"k1 a", "k2 a", "k2 a", "k2 a"},
		{"a k1", "a b k2", "a b k2", "a k2"},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			rules, origin := arrange(chain(c.from), chain(c.to))
			if !slices.EqualFunc(rules, chain(c.want), ruleset.Rule.Equal) {
				t.Errorf("got %v, want %s", rules, c.want)
			}
			var stay []ruleset.Rule
			for i, was := range origin {
				if was >= 0 {
					stay = append(stay, rules[i])
				}
			}
			if !slices.EqualFunc(stay, chain(c.stay), ruleset.Rule.Equal) {
				t.Errorf("%v stay, want %s", stay, c.stay)
			}
		})
	}
}

// However rules change, a kernel that does as it is told has the rules that were meant, and as few of
// them as possible are new.
func TestCommandsGiveTheOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func() string {
		var words []string
		for i := range 7 {
			if random.IntN(3) > 0 {
				words = append(words, string(rune('a'+i)))
			}
		}
		if random.IntN(2) > 0 {
			random.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		}
		for i := range words {
			switch {
			case words[i] == "g":
				words[i] = fmt.Sprint("k", random.IntN(3))
			case words[i] > "c":
				words[i] += "*"
			}
		}
		return strings.Join(words, " ")
	}
	for range 3000 {
		k := &obedient{}
		from, to := chain(pick()), chain(pick())
		tables := func(rules []ruleset.Rule) []ruleset.Table {
			return []ruleset.Table{{Name: "t", Chains: []ruleset.Chain{{Name: "c", Rules: rules}}}}
		}
		before, err := differ(nil, tables(from), k)
		if err != nil {
			t.Fatal(err)
		}
		k.take(before)
		was := slices.Clone(k.rules)
		after, err := differ(before.after, tables(to), k)
		if err != nil {
			t.Fatal(err)
		}
		k.take(after)
		var rules []ruleset.Rule
		for _, r := range k.rules {
			rules = append(rules, r.rule)
		}
		want := after.after[0].Chains[0].Rules
		if !slices.EqualFunc(rules, want, ruleset.Rule.Equal) {
			t.Fatalf("from %v to %v: got %v, want %v", from, to, rules, want)
		}
		for i, origin := range after.origins[site{"t", "c"}] {
			if origin >= 0 && k.rules[i].handle != was[origin].handle {
				t.Fatalf("from %v to %v: %v has another handle", from, to, k.rules[i])
			}
		}
		inOrder := func(rules []ruleset.Rule) []ruleset.Rule {
			return slices.DeleteFunc(slices.Clone(rules), func(r ruleset.Rule) bool { return r.AnyOrder })
		}
		if got := inOrder(rules); !slices.EqualFunc(got, inOrder(to), ruleset.Rule.Equal) {
			t.Fatalf("from %v to %v: the rules in order are %v", from, to, got)
		}
	}
}

// An obedient kernel has one chain.
type obedient struct {
	rules []handled
	last  uint64
}

type handled struct {
	rule   ruleset.Rule
	handle uint64
}

func (k *obedient) handle(_ site, place int) (uint64, error) { return k.rules[place].handle, nil }

func (k *obedient) counted(site, int) (ruleset.Counter, error) { return ruleset.Counter{}, nil }

func (k *obedient) take(s step) {
	at := func(handle uint64) int {
		return slices.IndexFunc(k.rules, func(r handled) bool { return r.handle == handle })
	}
	for _, c := range s.commands {
		switch c := c.(type) {
		case addRule:
			place := len(k.rules)
			if c.before != 0 {
				place = at(c.before)
			}
			k.last++
			k.rules = slices.Insert(k.rules, place, handled{c.rule, k.last})
		case replaceRule:
			k.last++
			k.rules[at(c.handle)] = handled{c.rule, k.last}
		case deleteRule:
			k.rules = slices.Delete(k.rules, at(c.handle), at(c.handle)+1)
		}
	}
}
