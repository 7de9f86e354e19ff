package lab

import (
	"fmt"
	"slices"

	"lablab/nft"
	"lablab/sg"
	"lablab/timeline"
)

// A group is a security group in force, with the number of each of its rules.
type group struct {
	*sg.Group
	numbers map[string]uint32 // by rule id
}

func (l *Lab) newGroup(g *sg.Group) *group {
	numbered := &group{Group: g, numbers: map[string]uint32{}}
	for _, d := range []sg.Direction{sg.Ingress, sg.Egress} {
		for _, r := range g.Rules(d) {
			numbered.numbers[r.ID] = l.number()
		}
	}
	return numbered
}

// number is one that no rule of the lab has had before.
func (l *Lab) number() uint32 {
	l.lastNumber++
	return l.lastNumber
}

func (g *group) carriedBy(h *Host) bool { return slices.Contains(h.Groups, g.Key()) }

// announce records the rules that a group has from the beginning.
func (l *Lab) announce(g *group) {
	for _, d := range []sg.Direction{sg.Ingress, sg.Egress} {
		for _, r := range g.Rules(d) {
			l.log.Append(timeline.RuleAuthorized{Rule: l.record(g, d, r, g.numbers[r.ID])})
		}
	}
}

// Authorize adds a rule to a group, on every host that carries it.
func (l *Lab) Authorize(groupName string, d sg.Direction, r sg.Rule) error {
	g, err := l.group(groupName)
	if err != nil {
		return err
	}
	if err := g.Group.Authorize(d, r); err != nil {
		return fmt.Errorf("authorize rule %s: %w", r.ID, err)
	}
	number := l.number()
	g.numbers[r.ID] = number
	err = each(l.carriers(g), func(h *Host) error { return h.rules.Authorize(d, nft.RulesFor(l.account, r, number)...) })
	if err != nil {
		return err
	}
	l.log.Append(timeline.RuleAuthorized{Rule: l.record(g, d, r, number)})
	return nil
}

// Revoke removes a rule from a group, on every host that carries it. Conntrack
// is not touched.
func (l *Lab) Revoke(groupName, id string) error {
	g, err := l.group(groupName)
	if err != nil {
		return err
	}
	revoked, d, err := g.Group.Revoke(id)
	if err != nil {
		return fmt.Errorf("revoke rule %s: %w", id, err)
	}
	number := g.numbers[id]
	if err := each(l.carriers(g), func(h *Host) error { return h.rules.Revoke(d, number) }); err != nil {
		return err
	}
	delete(g.numbers, id)
	l.log.Append(timeline.RuleRevoked{Rule: l.record(g, d, revoked, number)})
	return nil
}

func (l *Lab) group(key string) (*group, error) {
	for _, g := range l.groups {
		if g.Key() == key {
			return g, nil
		}
	}
	return nil, fmt.Errorf("find group %s: the lab has none of that name", key)
}

// carriers are the hosts that carry g.
func (l *Lab) carriers(g *group) []*Host {
	var hosts []*Host
	for _, h := range l.hosts {
		if g.carriedBy(h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

func (l *Lab) record(g *group, d sg.Direction, r sg.Rule, number uint32) timeline.Rule {
	var names []string
	for _, h := range l.carriers(g) {
		names = append(names, h.Name)
	}
	return timeline.Rule{Number: number, ID: r.ID, Group: g.Key(), Direction: d, Text: r.String(), Hosts: names}
}
