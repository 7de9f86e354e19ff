package sg

import (
	"lablab/packet"
	"lablab/say"
)

// An Audit is what can be found out about an account's groups without sending a packet.
type Audit struct {
	// Enforced and Unenforceable count sources: elements of the four lists of a permission, before
	// a prefix list or a group is expanded. Every source is one or the other.
	Enforced, Unenforceable int
	// Problems has one entry for each source that cannot be enforced.
	Problems []Finding
	// Warnings are about rules that are enforced but probably not intended.
	Warnings []Finding
}

// A Finding is about a group, or about one of its rules.
type Finding struct {
	Group  string       `json:"group"`
	Rule   string       `json:"rule,omitempty"`
	Reason say.Sentence `json:"reason"`
}

// Audit checks every rule of every group.
func (a *Account) Audit() Audit {
	var audit Audit
	for _, g := range a.Groups {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, r := range g.Rules(d) {
				if _, reason := a.Peers(r); !reason.Empty() {
					audit.Unenforceable++
					audit.Problems = append(audit.Problems, Finding{g.ID, r.ID, reason})
					continue
				}
				audit.Enforced++
				if reason := r.neverMatches(); !reason.Empty() {
					audit.Warnings = append(audit.Warnings, Finding{g.ID, r.ID, reason})
				} else if wider, found := widerThan(r, g.Rules(d)); found {
					audit.Warnings = append(audit.Warnings, Finding{g.ID, r.ID, say.F("adds nothing: rule %s (%s) allows all of it", wider.ID, wider)})
				} else if d == packet.Ingress && r.Peer.IsValid() && r.Peer.Bits() == 0 {
					audit.Warnings = append(audit.Warnings, Finding{g.ID, r.ID, say.F("open to the world: %s from %s", r.What(), r.Peer)})
				}
			}
			audit.Warnings = append(audit.Warnings, a.overQuota(g, d)...)
		}
	}
	audit.Unenforceable += len(a.Unread)
	for _, u := range a.Unread {
		audit.Problems = append(audit.Problems, Finding{u.Group, u.ID, say.F("%s", u.Err)})
	}
	return audit
}

// quota is how many rules a group may have per direction and version of IP, unless AWS has raised
// it (VPC user guide, quotas).
const quota = 60

// overQuota reports whether a group has more rules than EC2 allows by default. A prefix list counts
// as its maximum number of entries.
func (a *Account) overQuota(g *Group, d packet.Direction) []Finding {
	counts := map[string]int{}
	for _, r := range g.Rules(d) {
		switch {
		case r.Peer.IsValid() && r.Peer.Addr().Is6():
			counts["IPv6"]++
		case r.Peer.IsValid():
			counts["IPv4"]++
		case r.PrefixList != "":
			for _, l := range a.PrefixLists {
				if l.ID == r.PrefixList {
					counts[l.family()] += max(l.MaxEntries, len(l.Entries))
				}
			}
		default: // a group has members of both families
			counts["IPv4"]++
			counts["IPv6"]++
		}
	}
	var findings []Finding
	for _, family := range []string{"IPv4", "IPv6"} {
		if n := counts[family]; n > quota {
			findings = append(findings, Finding{Group: g.ID, Reason: say.F("%d %s rules for %s; EC2 allows %d unless the quota is raised", n, d, family, quota)})
		}
	}
	return findings
}

// family returns the list's version of IP, derived from its entries if it was not given.
func (l PrefixList) family() string {
	if l.AddressFamily != "" {
		return l.AddressFamily
	}
	if len(l.Entries) > 0 && l.Entries[0].Addr().Is6() {
		return "IPv6"
	}
	return "IPv4"
}
