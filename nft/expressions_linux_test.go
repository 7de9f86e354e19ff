package nft

import (
	"errors"
	"fmt"
	"slices"
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

// kind returns the type of an expression and, of conntrack's, its subject. A kernel that has one of
// the addresses, or ports, has all.
func kind(e expr.Any) string {
	if a, is := e.(originalAddress); is {
		e = a.Ct
	}
	ct, is := e.(*expr.Ct)
	if !is {
		return fmt.Sprintf("%T", e)
	}
	key := ct.Key
	if slices.Contains([]expr.CtKey{unix.NFT_CT_DST_IP, unix.NFT_CT_SRC_IP6, unix.NFT_CT_DST_IP6}, key) {
		key = unix.NFT_CT_SRC_IP
	}
	if key == expr.CtKeyPROTOSRC {
		key = expr.CtKeyPROTODST
	}
	return fmt.Sprintf("ct %d", key)
}

// tried returns the kinds of expressions that are tried.
func tried() map[string]bool {
	kinds := map[string]bool{kind(&expr.Verdict{}): true} // every chain has one as its policy
	for _, e := range Expressions() {
		for _, part := range e.exprs {
			kinds[kind(part)] = true
		}
	}
	return kinds
}

// Each expression that rules of a model consist of is tried, and what a table needs is known.
func TestExpressionsOfModels(t *testing.T) {
	tried := tried()
	for _, m := range enforce.Models() {
		h := withUntracked(everyKind())
		h.Model = m
		tables := compile(t, h)
		uses := map[string]bool{}
		for _, table := range tables {
			for _, c := range table.Chains {
				for _, r := range c.Rules {
					parts, err := expressions(r.Statements...)
					if err != nil {
						t.Fatal(err)
					}
					for _, part := range parts {
						uses[kind(part)] = true
						if !tried[kind(part)] {
							t.Errorf("%s: %s in %s is not tried", m.Traits().Name, kind(part), c.Name)
						}
					}
				}
			}
		}
		for _, x := range Expressions() {
			ct := kind(x.exprs[0]) // of others, the same part is in several
			if i := slices.IndexFunc(x.exprs, func(e expr.Any) bool { return strings.HasPrefix(kind(e), "ct ") }); i >= 0 {
				ct = kind(x.exprs[i])
			}
			if strings.HasPrefix(ct, "ct ") && len(x.sets) == 0 && x.Name != "ct zone" && x.UsedIn(tables) != uses[ct] && !x.Needed {
				t.Errorf("%s uses %s: %v, want %v", m.Traits().Name, x.Name, x.UsedIn(tables), uses[ct])
			}
		}
	}
}

// Expressions covers everything that a host's tables contain.
func TestExpressionsAreAll(t *testing.T) {
	n := nstest.New(t)
	tried := tried()
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
