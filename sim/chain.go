package sim

import (
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/sg"
)

// A rule of a group is in force at a host. Several may allow a packet; the first of them admits it,
// and which that is depends on how the rules came there.
type rule struct {
	ruleKey
	members []netip.Prefix // of the prefix list or group that is its peer
}

// A ruleKey identifies a rule in its direction: of a group, or a fixed one.
type ruleKey struct {
	direction packet.Direction
	id        string
	number    uint32
}

// position returns the place of a rule, or -1.
func (h *host) position(key ruleKey) int {
	return slices.IndexFunc(h.chain, func(r rule) bool { return r.ruleKey == key })
}

// enforce puts the policy in force, and reports whether the host's rules have changed. Rules that stay keep their places and counters, and new ones come
// behind them. A rule whose members change is a new one, unless nothing else changes (package nft).
func (h *host) enforce() (changed bool) {
	i, _ := h.policy.Account.Interface(h.Name)
	h.groups, h.acl, h.untracked = h.policy.Groups(h.Name), i.ACL, h.policy.Untracked(h.Host)
	is := h.compile()
	was := h.chain
	same := len(is) == len(was) && !slices.ContainsFunc(is, func(r rule) bool { return h.position(r.ruleKey) < 0 })
	stays := func(r rule, among []rule) bool {
		return slices.ContainsFunc(among, func(o rule) bool {
			return o.ruleKey == r.ruleKey && (same || slices.Equal(o.members, r.members))
		})
	}
	kept := slices.DeleteFunc(slices.Clone(was), func(r rule) bool { return !stays(r, is) })
	fresh := slices.DeleteFunc(slices.Clone(is), func(r rule) bool { return stays(r, was) })
	for n := range kept {
		kept[n].members = is[slices.IndexFunc(is, func(r rule) bool { return r.ruleKey == kept[n].ruleKey })].members
	}
	h.chain = slices.Concat(kept, fresh)
	for key := range h.counters {
		if key.number != 0 && (h.position(key) < 0 || slices.ContainsFunc(fresh, func(r rule) bool { return r.ruleKey == key })) {
			delete(h.counters, key)
		}
	}
	return !same || slices.ContainsFunc(is, func(r rule) bool {
		return !slices.ContainsFunc(was, func(o rule) bool { return o.ruleKey == r.ruleKey && slices.Equal(o.members, r.members) })
	})
}

// compile returns the rules of the host's groups, in the order of the groups.
func (h *host) compile() (list []rule) {
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		for _, g := range h.groups {
			for _, r := range g.Rules(d) {
				peers, reason := h.policy.Account.Peers(sg.GroupRule{Group: g.Key(), Direction: d, Rule: r})
				if !reason.Empty() {
					continue // nothing is known that it could allow
				}
				entry := rule{ruleKey: ruleKey{d, r.ID, h.policy.Number(g.Key(), r.ID)}}
				if !r.Peer.IsValid() {
					entry.members = slices.SortedFunc(slices.Values(peers), netip.Prefix.Compare)
				}
				list = append(list, entry)
			}
		}
	}
	return list
}
