package render

import (
	"bytes"
	"cmp"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A Check is what was read from an account, for `lablab check`.
type Check struct {
	Groups   []CheckedGroup `json:"groups"`
	Sources  Sources        `json:"sources"`
	Problems []sg.Finding   `json:"problems"`
	Warnings []sg.Finding   `json:"warnings"`
	Notes    []say.Sentence `json:"notes"`
	// ACLs are the network ACLs of the interfaces that were read.
	ACLs []CheckedACL `json:"network_acls,omitempty"`
}

// A CheckedACL is an interface and the rules of the network ACL that guards it.
type CheckedACL struct {
	Interface string   `json:"interface"`
	Rules     []string `json:"rules"`
}

// Sources counts the sources of all rules.
type Sources struct {
	Enforced      int `json:"enforced"`
	Unenforceable int `json:"unenforceable"`
}

// A CheckedGroup is a security group and its rules.
type CheckedGroup struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	VPC         string        `json:"vpc,omitempty"`
	Rules       []CheckedRule `json:"rules"`
}

// A CheckedRule is one source of a group.
type CheckedRule struct {
	ID          string           `json:"id"`
	Direction   packet.Direction `json:"direction"`
	What        string           `json:"what"` // protocol and ports
	Peer        string           `json:"peer"`
	Description string           `json:"description,omitempty"`
	Addresses   int              `json:"addresses"` // number of address ranges that the peer stands for
	Enforced    bool             `json:"enforced"`
	Reason      say.Sentence     `json:"reason,omitzero"` // why it is not enforced
	list        bool             // the peer is a prefix list
}

// CheckOf explains what was read.
func CheckOf(a *sg.Account) *Check {
	audit := a.Audit()
	c := &Check{
		Groups:   []CheckedGroup{},
		Sources:  Sources{Enforced: audit.Enforced, Unenforceable: audit.Unenforceable},
		Problems: append([]sg.Finding{}, audit.Problems...),
		Warnings: append([]sg.Finding{}, audit.Warnings...),
		Notes:    []say.Sentence{},
	}
	unread := map[string][]sg.Unread{}
	for _, u := range a.Unread {
		unread[u.Group] = append(unread[u.Group], u)
	}
	rules := map[string][]CheckedRule{}
	for _, s := range audit.Sources {
		rules[s.Group] = append(rules[s.Group], CheckedRule{
			ID: s.ID, Direction: s.Direction, What: s.What(), Peer: s.PeerText(), Description: s.Description,
			Addresses: s.Ranges, Enforced: s.Reason.Empty(), Reason: s.Reason, list: s.PrefixList != "",
		})
	}
	for _, g := range a.Groups {
		checked := CheckedGroup{ID: g.ID, Name: g.Name, Description: g.Description, VPC: g.VPC, Rules: append([]CheckedRule{}, rules[g.Key()]...)}
		for _, u := range unread[g.ID] {
			checked.Rules = append(checked.Rules, CheckedRule{
				ID: u.ID, Direction: u.Direction, What: u.What(), Peer: cmp.Or(u.PeerText(), "?"), Description: u.Description, Reason: say.F("%s", u.Err),
			})
		}
		c.Groups = append(c.Groups, checked)
	}
	for _, i := range a.Interfaces {
		if i.ACL != nil {
			c.ACLs = append(c.ACLs, CheckedACL{i.ID, i.ACL.Lines()})
		}
	}
	for _, n := range a.Notes {
		c.Notes = append(c.Notes, say.F("%s", n))
	}
	return c
}

// Check writes what was read, for people.
func (t *Text) Check(c *Check) error {
	var b bytes.Buffer
	for _, g := range c.Groups {
		t.group(&b, g)
	}
	for _, acl := range c.ACLs {
		t.heading(&b, say.F("%s: network ACL of its subnet", acl.Interface))
		for _, rule := range acl.Rules {
			t.paragraph(&b, "  ", plain, say.As(rule))
		}
	}
	t.findings(&b, say.F("Not enforceable"), red, c.Problems)
	t.findings(&b, say.F("Worth a look"), yellow, c.Warnings)
	if len(c.Notes) > 0 {
		t.heading(&b, say.F("Normalised"))
		for _, n := range c.Notes {
			t.paragraph(&b, "  ", plain, n)
		}
	}
	total := c.Sources.Enforced + c.Sources.Unenforceable
	b.WriteByte('\n')
	t.paragraph(&b, "", bold, say.F("%s, %s: %d enforced, %d not enforceable.",
		say.N(len(c.Groups), "%d group", "%d groups"), say.N(total, "%d source", "%d sources"), c.Sources.Enforced, c.Sources.Unenforceable))
	return t.flush(&b)
}

func (t *Text) group(b *bytes.Buffer, g CheckedGroup) {
	t.heading(b, say.F("%s %s", g.ID, g.Name))
	if len(g.Rules) == 0 {
		t.paragraph(b, "  ", dim, say.F("no rules: nothing is allowed in or out"))
		return
	}
	w := newTable()
	for _, r := range g.Rules {
		peer := r.Peer
		switch {
		case !r.Enforced:
			peer += styled(red, t.language.Sprintf(" (not enforceable)"))
		case r.list:
			peer += " (" + say.N(r.Addresses, "%d range", "%d ranges").In(t.language) + ")"
		case r.Addresses != 1:
			peer += t.language.Sprintf(" (%d addresses)", r.Addresses)
		}
		way := wayOf(r.Direction)
		if r.Direction == "" {
			way = say.As("?")
		}
		w.AppendRow(t.row(way, r.What, peer, styled(dim, r.ID)))
	}
	writeTable(b, w)
}

func (t *Text) findings(b *bytes.Buffer, title say.Sentence, style string, list []sg.Finding) {
	if len(list) == 0 {
		return
	}
	t.heading(b, title)
	for _, f := range list {
		t.paragraph(b, "  ", style, f.Said())
	}
}
