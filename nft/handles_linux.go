package nft

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"

	"lablab/sg"
)

// A numbered rule of one direction.
type numbered struct {
	direction sg.Direction
	number    uint32
}

// note takes down the handles that rules were given. t.mu is held.
func (t *Table) note(d sg.Direction, rules []Rule, handles []uint64) {
	for i, r := range rules {
		t.judges[handles[i]] = Judge{Number: r.Number, ID: r.ID}
		t.handles[numbered{d, r.Number}] = append(t.handles[numbered{d, r.Number}], handles[i])
	}
}

// learnNew notes the handles of rules that were just added, from what the kernel
// told meanwhile, or else by listing them all. t.mu is held.
func (t *Table) learnNew(c *nftables.Conn, d sg.Direction, added []Rule) error {
	handles, complete, err := t.news.rules()
	if err != nil {
		return err
	}
	if complete && len(handles[d]) == len(added) {
		t.note(d, added, handles[d])
		return nil
	}
	_, err = t.learn(c, d)
	return err
}

// learn notes the handles that the kernel gave to the rules of one direction, and
// returns how many rules there are. t.mu is held.
func (t *Table) learn(c *nftables.Conn, d sg.Direction) (rules int, err error) {
	list, err := c.GetRules(groupChain(d))
	if err != nil {
		return 0, fmt.Errorf("read back %s rules: %w", d, err)
	}
	for key := range t.handles {
		if key.direction == d {
			delete(t.handles, key)
		}
	}
	for _, r := range list {
		number := numberOf(r)
		t.judges[r.Handle] = Judge{Number: number, ID: idOf(r)}
		t.handles[numbered{d, number}] = append(t.handles[numbered{d, number}], r.Handle)
	}
	return len(list), nil
}

// judge is the rule with that handle. A rule that another goroutine has just
// added may judge a packet before learn has seen it; then the table is asked.
func (t *Table) judge(d sg.Direction, handle uint64) (Judge, error) {
	if j, known := t.judgeOf(handle); known {
		return j, nil
	}
	err := t.with(func(c *nftables.Conn) error {
		_, err := t.learn(c, d)
		return err
	})
	if err != nil {
		return Judge{}, err
	}
	j, known := t.judgeOf(handle)
	if !known {
		return Judge{}, fmt.Errorf("find rule with handle %d: %w", handle, ErrNoRule)
	}
	return j, nil
}

func (t *Table) judgeOf(handle uint64) (Judge, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	j, known := t.judges[handle]
	return j, known
}

func comment(id string) []byte { return userdata.AppendString(nil, userdata.TypeComment, id) }

func idOf(r *nftables.Rule) string {
	id, _ := userdata.GetString(r.UserData, userdata.TypeComment)
	return id
}

// numberOf is the number that the rule writes to the ct mark: the value loaded
// just before it. (The library decodes no `ct mark set` itself.)
func numberOf(r *nftables.Rule) uint32 {
	for _, e := range r.Exprs {
		if e, ok := e.(*expr.Immediate); ok && len(e.Data) == 4 {
			return binary.NativeEndian.Uint32(e.Data)
		}
	}
	return 0
}
