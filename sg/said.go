package sg

import (
	"net/netip"
	"strings"

	"lablab/packet"
	"lablab/say"
)

// Said describes the change to people.
func (c Authorize) Said() say.Sentence {
	rules := make([]say.Sentence, 0, len(c.IDs)+len(c.Rules))
	for _, id := range c.IDs {
		rules = append(rules, say.As(id))
	}
	for _, r := range c.Rules {
		rules = append(rules, say.F("%s (%s)", r.ID, r))
	}
	if c.Group == "" {
		return say.F("authorize %s %s", ruleOrRules(len(rules)), say.List(", ", rules...))
	}
	return say.F("authorize %s %s in group %s", ruleOrRules(len(rules)), say.List(", ", rules...), c.Group)
}

// Said describes the change to people.
func (c Revoke) Said() say.Sentence {
	rules := append([]string{}, c.IDs...)
	for _, r := range c.Rules {
		rules = append(rules, r.String())
	}
	return say.F("revoke %s %s of group %s", ruleOrRules(len(rules)), strings.Join(rules, ", "), c.Group)
}

// Said describes the change to people.
func (c Attach) Said() say.Sentence {
	if len(c.Groups) == 0 {
		return say.F("remove all groups from %s", c.Interface)
	}
	return say.F("change the groups of %s to %s", c.Interface, strings.Join(c.Groups, ", "))
}

// Said describes the change to people.
func (c SetACL) Said() say.Sentence {
	if c.ACL == nil {
		return say.F("remove the network ACL from %s", c.Interface)
	}
	var listed []say.Sentence
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		for _, r := range c.ACL.Rules(d) {
			listed = append(listed, say.F("%s %s", d, r))
		}
	}
	return say.F("attach a network ACL to %s: %s", c.Interface, say.List("; ", append(listed, say.F("everything else is denied"))...))
}

// Said describes the change to people.
func (c ModifyPrefixList) Said() say.Sentence {
	switch {
	case len(c.Add) == 0:
		return say.F("remove %s from prefix list %s", list(c.Remove), c.PrefixList)
	case len(c.Remove) == 0:
		return say.F("add %s to prefix list %s", list(c.Add), c.PrefixList)
	}
	return say.F("change prefix list %s: remove %s, add %s", c.PrefixList, list(c.Remove), list(c.Add))
}

func list(prefixes []netip.Prefix) string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

func ruleOrRules(n int) say.Agreement {
	if n == 1 {
		return "rule"
	}
	return "rules"
}
