package control

import (
	"slices"
	"sync"

	"lablab/say"
	"lablab/sg"
)

// acls records which hosts have a network ACL.
type acls struct {
	mu     sync.Mutex
	before map[string]bool
}

func (a *acls) stands(host string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.before[host]
}

// setACL attaches an ACL to a host, or removes it.
func (k *kept) setACL(c ACLChange) (Effect, error) {
	if c.ACL != nil {
		for _, rules := range [][]sg.ACLRule{c.ACL.Ingress, c.ACL.Egress} {
			if err := putInOrder(rules); err != nil {
				return Effect{}, say.Errorf("set network ACL: %w", err)
			}
		}
	}
	k.acls.mu.Lock() // the ruleset and this record change together
	defer k.acls.mu.Unlock()
	if err := k.lab.SetACL(c.Host, c.ACL); err != nil {
		return Effect{}, err
	}
	if k.acls.before == nil {
		k.acls.before = map[string]bool{}
	}
	k.acls.before[c.Host] = c.ACL != nil
	if c.ACL == nil {
		return Effect{}, nil
	}
	denied, err := k.lab.Denied(c.Host, *c.ACL)
	return Effect{Denied: denied}, err
}

// putInOrder sorts the rules of one direction into the order in which they are checked.
func putInOrder(rules []sg.ACLRule) error {
	slices.SortFunc(rules, func(a, b sg.ACLRule) int { return a.Number - b.Number })
	for i, r := range rules {
		const most = 32766
		switch {
		case r.Number < 1 || r.Number > most:
			return say.Errorf("rule %d: the number must be from 1 to %d", r.Number, most)
		case i > 0 && rules[i-1].Number == r.Number:
			return say.Errorf("rule %d is given twice", r.Number)
		case !r.Peer.IsValid():
			return say.Errorf("rule %d has no address range", r.Number)
		}
	}
	return nil
}
