package sg

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
)

// rules reads describe-security-group-rules: one source each, with an id.
func (r *reader) rules(list []*node) error {
	r.account.knowsGroups = true
	byID := r.groupsByID()
	seen := map[string]Rule{}
	for _, g := range r.account.Groups {
		for _, rule := range slices.Concat(g.Ingress, g.Egress) {
			seen[rule.ID] = rule
		}
	}
	unread := map[string]string{}
	for _, u := range r.account.Unread {
		unread[u.ID] = u.Err.Message.String()
	}
	for n, from := range list {
		if err := r.object(from, "SecurityGroupRules"); err != nil {
			return err
		}
		r.unknown(from, "SecurityGroupRule", ruleMembers)
		group, err := r.id(from, "GroupId")
		if err != nil {
			return err
		}
		g := byID[group]
		if g == nil {
			owner, _ := r.string(from, "GroupOwnerId")
			g = &Group{ID: group, Owner: owner, Tags: map[string]string{}, partial: true}
			byID[group] = g
			r.account.Groups = append(r.account.Groups, g)
		}
		if g.missing != nil {
			g.missing, g.partial = nil, true // here are all rules of the group
		}
		rule, d, err := r.rule(from)
		if from.member("SecurityGroupRuleId").empty() {
			r.note(from, "SecurityGroupRuleId is missing")
		}
		if rule.ID == "" {
			rule.ID = fmt.Sprintf("%s:rule:%d", g.ID, n+1)
		}
		if was, there := seen[rule.ID]; err == nil && there {
			if was.Same(rule) {
				continue // the same rule in two files
			}
			err = r.fail(from.member("SecurityGroupRuleId"), "rule %s is given twice and differs: first at %s", rule.ID, r.account.seen["rule "+rule.ID].place)
		}
		if err != nil {
			var wrong *FileError
			if from.member("SecurityGroupRuleId") != nil && errors.As(err, &wrong) && unread[rule.ID] == wrong.Message.String() {
				continue // the same rule in two files
			}
			if err := r.leaveOut(g, d, rule, err); err != nil {
				return err
			}
			continue
		}
		seen[rule.ID] = rule
		_ = r.once(from, say.F("rule %s", rule.ID), nil)
		r.merge(from, g, d, rule)
	}
	return nil
}

// rule reads a rule with one source. With an error, it returns what could be read.
func (r *reader) rule(from *node) (rule Rule, d packet.Direction, err error) {
	rule, err = r.what(from)
	note := func(another error) {
		if err == nil {
			err = another
		}
	}
	if id, wrong := r.id(from, "SecurityGroupRuleId"); from.member("SecurityGroupRuleId") != nil {
		rule.ID = id
		note(wrong)
	}
	egress, found, wrong := r.bool(from, "IsEgress")
	note(wrong)
	switch {
	case wrong != nil:
	case !found:
		note(r.fail(from, "IsEgress is missing: whether the rule is inbound or outbound is unknown"))
	case egress:
		d = packet.Egress
	default:
		d = packet.Ingress
	}
	rule.Description, wrong = r.prose(from, "Description")
	note(wrong)
	note(r.onePeer(from, &rule))
	return rule, d, err
}

// onePeer reads the one source of a rule.
func (r *reader) onePeer(from *node, rule *Rule) error {
	var peers []func(*Rule) error
	for _, name := range []string{"CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupInfo", "ReferencedGroupId"} {
		m := from.member(name)
		if m.empty() {
			continue
		}
		peers = append(peers, func(rule *Rule) (err error) {
			switch name {
			case "CidrIpv4":
				rule.Peer, err = r.prefix(from, name, false)
			case "CidrIpv6":
				rule.Peer, err = r.prefix(from, name, true)
			case "PrefixListId":
				rule.PrefixList, err = r.id(from, name)
			case "ReferencedGroupInfo":
				r.unknown(m, "ReferencedGroupInfo", referenceMembers)
				err = r.reference(m, rule)
			default: // in the answer to a revocation
				rule.Reference.GroupID, err = r.id(from, name)
			}
			return err
		})
	}
	if len(peers) != 1 {
		return r.fail(from, "a rule has exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupInfo; this one has %d", len(peers))
	}
	return peers[0](rule)
}

// merge adds a rule to a group. If the group has it already, it keeps the id that EC2 gave: EC2 has
// no rule twice.
func (r *reader) merge(at *node, g *Group, d packet.Direction, rule Rule) {
	if r.places == nil {
		r.places, r.indexed = map[placed]int{}, map[side]bool{}
	}
	rules := g.side(d)
	key := placed{g, d, rule.canonical()}
	if s := (side{g, d}); !r.indexed[s] {
		r.indexed[s] = true
		for i, known := range *rules {
			r.places[placed{g, d, known.canonical()}] = i
		}
	}
	i, there := r.places[key]
	if !there {
		r.places[key] = len(*rules)
		*rules = append(*rules, rule)
		return
	}
	madeUp := func(id string) bool { return strings.HasPrefix(id, g.ID+":") }
	known := &(*rules)[i]
	switch {
	case madeUp(known.ID) && !madeUp(rule.ID):
		known.ID = rule.ID
	case madeUp(known.ID) == madeUp(rule.ID):
		r.note(at, "rules %s and %s are the same (%s): EC2 has such a rule once", known.ID, rule.ID, rule)
	}
}

// A side is a group's rules for one direction; a placed rule is one of them.
type (
	side struct {
		group     *Group
		direction packet.Direction
	}
	placed struct {
		group     *Group
		direction packet.Direction
		rule      Rule
	}
)
