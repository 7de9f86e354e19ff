package nft

import (
	"fmt"
	"strings"

	"lablab/nft/ruleset"
)

// A Plan is what a change of the tables in force does: one transaction, or several if sets change.
type Plan struct {
	steps    []step
	versions map[setSite]int // of the sets, as from the first step on
}

// A step is one transaction.
type step struct {
	commands []command
	after    []ruleset.Table // in force after it
	filled   []setSite       // sets to read back then
	// origins has, for each chain whose rules change, where its rules were before, and -1 for new ones.
	origins map[site][]int
}

// A site is a chain of a table.
type site struct{ table, chain string }

// A setSite is a set of a table.
type setSite struct{ table, set string }

// String returns the plan in the syntax of nft(8). nft -f would make the same change, of one
// transaction.
func (p Plan) String() string {
	var b strings.Builder
	for i, s := range p.steps {
		if len(p.steps) > 1 {
			fmt.Fprintf(&b, "# transaction %d of %d\n", i+1, len(p.steps))
		}
		for _, c := range s.commands {
			b.WriteString(c.String() + "\n")
		}
	}
	return b.String()
}

// A command is one change of a transaction. It prints as nft -f reads it.
type command interface{ fmt.Stringer }

type (
	addTable    struct{ table string }
	deleteTable struct{ table string }
	addChain    struct {
		table string
		chain ruleset.Chain // without its rules
	}
	flushChain  struct{ site }
	deleteChain struct{ site } // which has no rules
	addSet      struct {
		table string
		set   ruleset.Set // without its members
	}
	deleteSet struct{ setSite }
	// addElements adds the members of a set to those that it has.
	addElements struct {
		table string
		set   ruleset.Set
	}
	flushSet struct {
		table string
		set   ruleset.Set
	}
	// addRule adds a rule at the end or, if before is not 0, before the rule with that handle.
	addRule struct {
		site
		rule   ruleset.Rule
		before uint64
	}
	replaceRule struct {
		site
		rule   ruleset.Rule
		handle uint64
	}
	deleteRule struct {
		site
		handle uint64
	}
)

func (s site) String() string    { return fmt.Sprintf("inet %s %s", s.table, s.chain) }
func (s setSite) String() string { return fmt.Sprintf("inet %s %s", s.table, s.set) }

func (c addTable) String() string    { return "add table inet " + c.table }
func (c deleteTable) String() string { return "delete table inet " + c.table }

func (c addChain) String() string {
	at := site{c.table, c.chain.Name}
	if c.chain.Hook == "" {
		return fmt.Sprintf("add chain %s", at)
	}
	return fmt.Sprintf("add chain %s { %s }", at, c.chain.Base())
}

func (c flushChain) String() string { return fmt.Sprintf("flush chain %s", c.site) }

func (c deleteChain) String() string { return fmt.Sprintf("delete chain %s", c.site) }

func (c addSet) String() string {
	return fmt.Sprintf("add set %s { %s; }", setSite{c.table, c.set.Name}, strings.Join(c.set.Lines(), "; "))
}

func (c deleteSet) String() string { return fmt.Sprintf("delete set %s", c.setSite) }

func (c addElements) String() string {
	return fmt.Sprintf("add element %s %s", setSite{c.table, c.set.Name}, c.set.Elements())
}

func (c flushSet) String() string { return fmt.Sprintf("flush set %s", setSite{c.table, c.set.Name}) }

func (c addRule) String() string {
	if c.before == 0 {
		return fmt.Sprintf("add rule %s %s", c.site, c.rule)
	}
	return fmt.Sprintf("insert rule %s handle %d %s", c.site, c.before, c.rule)
}

func (c replaceRule) String() string {
	return fmt.Sprintf("replace rule %s handle %d %s", c.site, c.handle, c.rule)
}

func (c deleteRule) String() string { return fmt.Sprintf("delete rule %s handle %d", c.site, c.handle) }
