package nft

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"lablab/enforce"
	"lablab/internal/nstest"
)

// Each missing expression is found individually, and the namespace stays unchanged.
func TestTryExpressions(t *testing.T) {
	n := nstest.New(t)
	unknown := Expression{Name: "unknown", exprs: []expr.Any{&expr.Ct{Key: 200, Register: register}}}
	list := append(Expressions(), unknown)
	lacking, err := TryExpressions(n, append(list, Expressions()...))
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range lacking {
		if want := i == len(list)-1; Lacks(err) != want {
			t.Errorf("%d: %v", i, err)
		}
	}
	if rules := nstest.Output(t, n, "nft", "list", "ruleset"); strings.TrimSpace(rules) != "" {
		t.Errorf("left behind:\n%s", rules)
	}
	if Lacks(nil) || Lacks(unix.EPERM) || !Lacks(errors.Join(unix.ENOENT)) {
		t.Error("what an error says is not what it means")
	}
}

func kind(e expr.Any) string { return fmt.Sprintf("%T", e) }

// Expressions covers everything that a host's tables contain.
func TestExpressionsAreAll(t *testing.T) {
	n := nstest.New(t)
	tried := map[string]bool{kind(&expr.Verdict{}): true} // every chain has one as its policy
	for _, e := range Expressions() {
		for _, part := range e.exprs {
			tried[kind(part)] = true
		}
	}
	h := withUntracked(everyKind())
	h.Related = enforce.RelatedPMTU
	f := install(t, n, h)
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.read(func(c *nftables.Conn) error {
		chains, err := c.ListChains()
		for _, chain := range chains {
			rules, err := c.GetRules(chain.Table, chain)
			if err != nil {
				return err
			}
			for _, r := range rules {
				for _, part := range r.Exprs {
					if !tried[kind(part)] {
						t.Errorf("%s in %s is not tried", kind(part), chain.Name)
					}
				}
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
