package nft

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

// know learns the handles of all rules, and subscribes to those of new ones. This takes a third as
// long as installing them, so it is done only when handles are needed: before a rule is deleted or
// a verdict is explained. f.mu is held.
func (f *Firewall) know() (err error) {
	if f.notifications != nil {
		return nil
	}
	if f.notifications, err = listenForRules(f.ns); err != nil {
		return err
	}
	for _, t := range f.inForce {
		for _, c := range t.Chains {
			if err := f.learn(t.Name, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// handle implements [kernel]. f.mu is held.
func (f *Firewall) handle(at site, place int) (uint64, error) {
	if err := f.know(); err != nil {
		return 0, err
	}
	if place >= len(f.handles[at]) { // an earlier attempt to learn it failed
		c, _ := chainNamed(table(f.inForce, at.table).Chains, at.chain)
		if err := f.learn(at.table, c); err != nil {
			return 0, err
		}
	}
	return f.handles[at][place], nil
}

// counted implements [kernel]. f.mu is held.
func (f *Firewall) counted(at site, place int) (ruleset.Counter, error) {
	c, _ := chainNamed(table(f.inForce, at.table).Chains, at.chain)
	rules, err := f.list(at)
	if err != nil {
		return ruleset.Counter{}, say.Errorf("read back %s rules: %w", at.chain, err)
	}
	if len(rules) != len(c.Rules) {
		return ruleset.Counter{}, changedBy(at, len(rules), len(c.Rules))
	}
	return ruleset.Counter{Read: true, Packets: rules[place].packets, Bytes: rules[place].bytes}, nil
}

// learnNew records the handles of rules that were just added, from the kernel's notifications if
// they are complete, or else by listing all rules. f.mu is held.
func (f *Firewall) learnNew(origins map[site][]int) error {
	if f.notifications == nil {
		return nil
	}
	fresh, complete, err := f.notifications.rules()
	if err != nil {
		return err
	}
	for _, t := range f.inForce {
		for _, c := range t.Chains {
			at := site{t.Name, c.Name}
			origin, changed := origins[at]
			if !changed {
				continue
			}
			if complete && f.place(at, c, origin, fresh[at]) {
				continue
			}
			if err := f.learn(t.Name, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// place records the handles of a chain's rules: those that were there before, and new ones. It
// returns false if it does not know all. f.mu is held.
func (f *Firewall) place(at site, c ruleset.Chain, origin []int, fresh []uint64) bool {
	was := f.handles[at]
	handles := make([]uint64, len(origin))
	for i, place := range origin {
		switch {
		case place >= len(was), place < 0 && len(fresh) == 0:
			return false
		case place >= 0:
			handles[i] = was[place]
		default:
			handles[i], fresh = fresh[0], fresh[1:]
			f.judges[ruleSite{at.table, handles[i]}] = c.Rules[i].By
		}
	}
	f.handles[at] = handles
	return len(fresh) == 0
}

// learn lists the rules of a chain, records their handles, and fails unless they are those in force.
// f.mu is held.
func (f *Firewall) learn(table string, c ruleset.Chain) error {
	at := site{table, c.Name}
	rules, err := f.list(at)
	if err != nil {
		return say.Errorf("read back %s rules: %w", c.Name, err)
	}
	handles, found := make([]uint64, len(rules)), len(rules)
	for i, r := range rules {
		handles[i] = r.handle
		if i < len(c.Rules) && r.comment == c.Rules[i].Comment {
			f.judges[ruleSite{table, r.handle}] = c.Rules[i].By
		} else if len(rules) == len(c.Rules) {
			found--
		}
	}
	if found != len(c.Rules) {
		return changedBy(at, found, len(c.Rules))
	}
	f.handles[at] = handles
	return nil
}

func changedBy(at site, found, want int) error {
	return say.Errorf("read back %s rules: found %d of %d: another process has changed them", at.chain, found, want)
}

// meaning returns what the decisions of a chain mean.
func (f *Firewall) meaning(at site) ruleset.Decides {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.means[at]
}

// judge returns what decides if a rule does. A verdict may come from a rule that another goroutine has
// just added and whose handle is not recorded yet; then judge reads the chain.
func (f *Firewall) judge(at site, handle uint64) (packet.By, error) {
	f.mu.Lock() // wait for any goroutine that is adding a rule
	defer f.mu.Unlock()
	rule := ruleSite{at.table, handle}
	if j, known := f.judges[rule]; known {
		return j, nil
	}
	if c, there := chainNamed(table(f.inForce, at.table).Chains, at.chain); there {
		if err := f.learn(at.table, c); err != nil {
			return packet.By{}, err
		}
	}
	j, known := f.judges[rule]
	if !known {
		return packet.By{}, say.Errorf("find rule with handle %d: %w", handle, ErrNoRule)
	}
	return j, nil
}
