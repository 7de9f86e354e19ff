package nft

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
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
	for _, d := range directions {
		if err := t.learn(d); err != nil {
			return err
		}
	}
	return nil
}

// learnNew records the handles of rules that were just added, from the kernel's notifications if
// they are complete, or else by listing all rules. t.mu is held.
func (t *Table) learnNew(added map[packet.Direction][]Rule) error {
	if t.notifications == nil {
		return nil
	}
	handles, complete, err := t.notifications.rules()
	if err != nil {
		return err
	}
	for _, d := range directions {
		if !complete || len(handles[d]) != len(added[d]) {
			if err := t.learn(d); err != nil {
				return err
			}
			continue
		}
		for i, r := range added[d] {
			t.judges[handles[d][i]] = packet.By{Kind: packet.ByGroup, ID: r.ID, Number: r.Number}
			t.handles[r.identity(d)] = handles[d][i]
		}
	}
	return nil
}

// learn lists the rules of one direction, records their handles, and fails unless all of them
// exist. t.mu is held.
func (t *Table) learn(d packet.Direction) error {
	return t.read(func(c *nftables.Conn) error {
		list, err := c.GetRules(groupChain(d))
		if err != nil {
			return say.Errorf("read back %s rules: %w", d, err)
		}
		fixed := t.inForce.fixedRules(d)
		for i, r := range list {
			kind := packet.ByGroup
			if i < len(fixed) {
				kind = fixed[i].kind
			}
			key := identity{d, numberOf(r), setOf(r)}
			t.judges[r.Handle] = packet.By{Kind: kind, ID: idOf(r), Number: key.number}
			t.handles[key] = r.Handle
		}
		if want := len(fixed) + len(t.inForce.Rules(d)); len(list) != want {
			return say.Errorf("read back %s rules: %d of %d", d, len(list), want)
		}
		return nil
	})
}

// judge returns the rule with that handle. A verdict may come from a rule that another goroutine
// has just added and whose handle is not recorded yet; then judge reads the table.
func (t *Table) judge(d packet.Direction, handle uint64) (packet.By, error) {
	t.mu.Lock() // wait for any goroutine that is adding a rule
	defer t.mu.Unlock()
	if j, known := t.judges[handle]; known {
		return j, nil
	}
	if err := t.learn(d); err != nil {
		return packet.By{}, err
	}
	j, known := t.judges[handle]
	if !known {
		return packet.By{}, say.Errorf("find rule with handle %d: %w", handle, ErrNoRule)
	}
	return j, nil
}

func comment(id string) []byte { return userdata.AppendString(nil, userdata.TypeComment, id) }

func idOf(r *nftables.Rule) string {
	id, _ := userdata.GetString(r.UserData, userdata.TypeComment)
	return id
}

// numberOf returns the number that the rule writes to the packet's mark: the value loaded just
// before it.
func numberOf(r *nftables.Rule) uint32 {
	for _, e := range r.Exprs {
		if e, ok := e.(*expr.Immediate); ok && len(e.Data) == 4 {
			return binary.NativeEndian.Uint32(e.Data)
		}
	}
	return 0
}

func setOf(r *nftables.Rule) string {
	for _, e := range r.Exprs {
		if e, ok := e.(*expr.Lookup); ok {
			return e.SetName
		}
	}
	return ""
}
