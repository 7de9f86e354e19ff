package report

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// lag is how much later than it happened something may be recorded.
const lag = 100 * time.Millisecond

// A way is when the rules of a host matched packets of one kind from or to one peer.
type way struct {
	spans  []span // by their beginnings
	last   []int  // for each, which of those up to it ends last
	unsure []span // the same of rules about prefix lists whose entries are not known
}

// A wayKey is what distinguishes ways.
type wayKey struct {
	host      string
	direction packet.Direction
	what      sg.Packet
}

// way returns the way that a host's rules have had for a packet.
func (p *policy) way(v timeline.Judged) *way {
	peer, what := seenBy(v)
	key := wayKey{v.Host, v.Direction, what}
	if found := p.ways[key]; found != nil {
		return found
	}
	const most = 10_000 // number of ways to keep
	if p.ways == nil || len(p.ways) >= most {
		p.ways = map[wayKey]*way{}
	}
	all := &way{}
	for _, r := range p.rules {
		unsure := r.PrefixList != "" && len(p.lists[r.PrefixList]) == 0 && !p.proved[proof{r.Number, peer}]
		switch spans := p.spans(r, v.Host, peer); {
		case r.Direction != v.Direction || !r.AllowsWhat(what):
		case unsure:
			all.unsure = append(all.unsure, spans...)
		default:
			all.spans = append(all.spans, spans...)
		}
	}
	slices.SortStableFunc(all.spans, func(a, b span) int { return cmp.Compare(a.from.seq, b.from.seq) })
	last := 0
	for i, s := range all.spans {
		if s.endsAfter(all.spans[last]) {
			last = i
		}
		all.last = append(all.last, last)
	}
	p.ways[key] = all
	return all
}

func (s span) endsAfter(o span) bool {
	return o.to.happened() && (!s.to.happened() || s.to.seq > o.to.seq)
}

// untracked reports whether EC2 would not track a flow that begins with a packet at some time.
func (p *policy) untracked(at when, v timeline.Judged) bool {
	inForce := &sg.Group{}
	for _, r := range p.rules {
		if r.Peer.Bits() != 0 { // only rules that are open to the world count
			continue
		}
		for _, s := range p.spans(r, v.Host, r.Peer.Addr()) {
			if s.from.seq > at.seq || s.to.happened() && s.to.seq <= at.seq {
				continue
			}
			if r.Direction == packet.Ingress {
				inForce.Ingress = append(inForce.Ingress, r.Rule.Rule)
			} else {
				inForce.Egress = append(inForce.Egress, r.Rule.Rule)
			}
		}
	}
	_, what := seenBy(v)
	return !sg.Tracked([]*sg.Group{inForce}, v.Direction, what)
}

// closed returns the change since which no rule has matched packets that were dropped at some time.
// It returns false if no rule had matched before, or if what is known contradicts the drop or does not
// show which change it was.
func (p *policy) closed(at when, v timeline.Judged) (change, bool) {
	w := p.way(v)
	for _, begun := range []func(span) bool{
		func(s span) bool { return s.from.seq < at.seq },
		func(s span) bool { return !s.from.happened() || at.at-s.from.at > lag }, // the drop was before the others
	} {
		n, _ := slices.BinarySearchFunc(w.spans, true, func(s span, _ bool) int {
			if begun(s) {
				return -1
			}
			return 1
		})
		if n == 0 {
			return change{}, false
		}
		if end := w.spans[w.last[n-1]].to; end.happened() && (end.seq < at.seq || end.at-at.at <= lag) {
			return end, !w.mayHaveMatched(end, at)
		}
	}
	return change{}, false
}

// mayHaveMatched reports whether a rule about a prefix list may have matched for some time after a
// change. One that is in force when a packet is dropped does not.
func (w *way) mayHaveMatched(after change, at when) bool {
	return slices.ContainsFunc(w.unsure, func(s span) bool { return s.to.happened() && s.to.seq > after.seq && s.to.seq < at.seq })
}

// opened returns the change since which a rule has matched a packet that was accepted at some time,
// if that change happened after another time.
func (p *policy) opened(after, at when, v timeline.Judged) (change, bool) {
	r := p.numbers[v.Number]
	if r == nil {
		return change{}, false
	}
	peer, _ := seenBy(v)
	spans := p.spans(r, v.Host, peer)
	i := slices.IndexFunc(spans, func(s span) bool { return !s.to.happened() || s.to.seq > at.seq })
	if i < 0 || spans[i].from.seq > at.seq && spans[i].from.at-at.at > lag {
		return change{}, false
	}
	return spans[i].from, spans[i].from.seq > after.seq
}

// seenBy returns the peer and what else rules see of a packet.
func seenBy(v timeline.Judged) (peer netip.Addr, what sg.Packet) {
	h := v.Packet
	peer = h.Source
	if v.Direction == packet.Egress {
		peer = h.Destination
	}
	what = sg.Packet{Protocol: h.Protocol, Peer: peer, To: int(h.DestinationPort)}
	if h.Protocol.IsICMP() {
		what.To, what.Code = int(h.ICMPType), int(h.ICMPCode)
	}
	return peer, what
}

// lapsed returns the changes since which the rule that admitted an entry would not have admitted it
// again, and until when: the rule was revoked, or one of the hosts left a group.
func (p *policy) lapsed(l *life, number uint32) []span {
	r := p.numbers[number]
	if r == nil {
		return nil
	}
	peer := l.orig.Source
	if r.Direction == packet.Egress {
		peer = l.orig.Destination
	}
	var gaps []span
	for _, s := range p.spans(r, l.host, peer) {
		if n := len(gaps); n > 0 && !gaps[n-1].to.happened() {
			gaps[n-1].to = s.from
		}
		if s.to.happened() && s.to.seq > l.born.seq {
			gaps = append(gaps, span{from: s.to})
		}
	}
	return gaps
}
