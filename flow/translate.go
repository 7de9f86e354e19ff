package flow

import "lablab/packet"

// Translations are the flows whose addresses hosts have replaced (NAT): it knows what a packet's key
// was before. The zero value knows none.
type Translations struct{ before map[packet.Key]packet.Key }

// Add takes an entry. It reports whether the entry's host replaces addresses of the flow.
func (t *Translations) Add(e Entry) bool {
	if !e.Translated() {
		return false
	}
	back := e.answer()
	const most = 10_000
	if t.before == nil || len(t.before) > most {
		t.before = map[packet.Key]packet.Key{}
	}
	there := e.Reply.Reversed()
	t.before[there], t.before[e.Reply] = e.Orig, back
	return true
}

// Translated reports whether the entry's host replaces addresses of the flow.
func (e Entry) Translated() bool { return e.Reply.Source.IsValid() && e.Reply != e.answer() }

// answer returns the key of replies to the flow, where it begins.
func (e Entry) answer() packet.Key {
	return e.Orig.Reversed()
}

// Before returns the key that a packet had where its flow began, before any host replaced addresses.
func (t *Translations) Before(k packet.Key) packet.Key {
	const most = 16 // hosts on the way
	for range most {
		before, replaced := t.before[k]
		if !replaced {
			break
		}
		k = before
	}
	return k
}
