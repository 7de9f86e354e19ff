package sg

import (
	"cmp"

	"lablab/packet"
	"lablab/say"
)

// An Audit is what can be found out about an account's groups without sending a packet.
type Audit struct {
	// Enforced and Unenforceable count sources: elements of the four lists of a permission, before
	// a prefix list or a group is expanded. Every source is one or the other.
	Enforced, Unenforceable int
	// Sources are the sources that were understood, in the order of groups and rules.
	Sources []Source
	// Problems has one entry for each source that cannot be enforced.
	Problems []Finding
	// Warnings are about rules that are enforced but probably not intended.
	Warnings []Finding
}

// A Source is a rule, and what becomes of it.
type Source struct {
	GroupRule
	Ranges int          // number of address ranges that the peer stands for
	Reason say.Sentence // why the rule cannot be enforced
}

// A Finding is about a group, one of its rules, or a network interface.
type Finding struct {
	Group     string       `json:"group,omitempty"`
	Rule      string       `json:"rule,omitempty"`
	Interface string       `json:"interface,omitempty"`
	Reason    say.Sentence `json:"reason"`
}

// Subject returns the id of what the finding is about.
func (f Finding) Subject() string { return cmp.Or(f.Rule, f.Group, f.Interface) }

// Said returns the finding as a sentence.
func (f Finding) Said() say.Sentence {
	if f.Subject() == "" {
		return f.Reason
	}
	return say.F("%s: %s", f.Subject(), f.Reason)
}

// Audit checks every rule of every group.
func (a *Account) Audit() Audit {
	var audit Audit
	l := a.indexed()
	toWorld := map[string]bool{} // whether a peer holds the world
	for _, g := range a.Groups {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, r := range g.Rules(d) {
				peers, reason, _ := l.peers(GroupRule{g.Key(), d, r})
				audit.Sources = append(audit.Sources, Source{GroupRule{g.Key(), d, r}, len(peers), reason})
				if !reason.Empty() {
					audit.Unenforceable++
					audit.Problems = append(audit.Problems, Finding{Group: g.ID, Rule: r.ID, Reason: reason})
					continue
				}
				audit.Enforced++
				if reason := r.neverMatches(); !reason.Empty() {
					audit.Warnings = append(audit.Warnings, Finding{Group: g.ID, Rule: r.ID, Reason: reason})
				} else if wider, found := widerThan(r, g.Rules(d)); found {
					audit.Warnings = append(audit.Warnings, Finding{Group: g.ID, Rule: r.ID, Reason: say.F("adds nothing: rule %s (%s) allows all of it", wider.ID, wider)})
				} else if open, known := toWorld[r.PeerText()]; d == packet.Ingress && r.Reference == (Reference{}) {
					if !known {
						open = holdWorld(peers)
						toWorld[r.PeerText()] = open
					}
					if open {
						audit.Warnings = append(audit.Warnings, Finding{Group: g.ID, Rule: r.ID, Reason: say.F("open to the world: %s from %s", r.What(), r.PeerText())})
					}
				}
			}
			if d == packet.Ingress {
				audit.Warnings = append(audit.Warnings, l.openTogether(g)...)
			}
			audit.Warnings = append(audit.Warnings, l.overQuota(g, d)...)
		}
	}
	audit.Unenforceable += len(a.Unread)
	for _, u := range a.Unread {
		audit.Problems = append(audit.Problems, Finding{Group: u.Group, Rule: u.ID, Reason: say.F("%s", u.Err)})
	}
	audit.Warnings = append(audit.Warnings, l.interfacesOverQuota()...)
	return audit
}
