package nft

import (
	"github.com/google/nftables/userdata"

	"lablab/packet"
	"lablab/say"
)

// know learns the handles of all rules, and subscribes to those of new ones. This takes a third as
// long as installing them, so it is done only when handles are needed: before a rule is deleted or
// a verdict is explained. t.mu is held.
func (t *Table) know() (err error) {
	if t.notifications != nil {
		return nil
	}
	if t.notifications, err = listenForRules(t.ns); err != nil {
		return err
	}
	for _, p := range t.inForce.places() {
		if err := t.learn(p); err != nil {
			return err
		}
	}
	return nil
}

// learnNew records the handles of rules that were just added, from the kernel's notifications if
// they are complete, or else by listing all rules. t.mu is held.
func (t *Table) learnNew(added map[place][]Rule) error {
	if t.notifications == nil {
		return nil
	}
	handles, complete, err := t.notifications.rules()
	if err != nil {
		return err
	}
	for p, rules := range added {
		if !complete || len(handles[p]) != len(rules) {
			if err := t.learn(p); err != nil {
				return err
			}
			continue
		}
		for i, r := range rules {
			t.judges[handles[p][i]] = packet.By{Kind: packet.ByGroup, ID: r.ID, Number: r.Number}
			t.handles[ruleAt{p, r.identity(p.direction())}] = handles[p][i]
		}
	}
	return nil
}

// learn lists the rules in one place, records their handles, and fails unless all of them exist.
// t.mu is held.
func (t *Table) learn(p place) error {
	d := p.direction()
	rules, err := t.list(GroupTable, string(p))
	if err != nil {
		return say.Errorf("read back %s rules: %w", p, err)
	}
	fixed := t.inForce.fixedAt(p)
	for i, r := range rules {
		kind := packet.ByGroup
		if i < len(fixed) {
			kind = fixed[i].kind
		}
		number := p.number(r.mark)
		t.judges[r.handle] = packet.By{Kind: kind, ID: r.id, Number: number}
		t.handles[ruleAt{p, identity{d, number, r.set}}] = r.handle
	}
	if want := len(fixed) + len(t.inForce.Rules(d)); len(rules) != want {
		return say.Errorf("read back %s rules: found %d of %d: another process has changed them", p, len(rules), want)
	}
	return nil
}

// judge returns the rule with that handle. A verdict may come from a rule that another goroutine
// has just added and whose handle is not recorded yet; then judge reads the table.
func (t *Table) judge(p place, handle uint64) (packet.By, error) {
	t.mu.Lock() // wait for any goroutine that is adding a rule
	defer t.mu.Unlock()
	if j, known := t.judges[handle]; known {
		return j, nil
	}
	if err := t.learn(p); err != nil {
		return packet.By{}, err
	}
	j, known := t.judges[handle]
	if !known {
		return packet.By{}, say.Errorf("find rule with handle %d: %w", handle, ErrNoRule)
	}
	return j, nil
}

func comment(id string) []byte { return userdata.AppendString(nil, userdata.TypeComment, id) }
