package report

import (
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
	for _, g := range a.Groups {
		checked := CheckedGroup{ID: g.ID, Name: g.Name, Description: g.Description, VPC: g.VPC, Rules: []CheckedRule{}}
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, r := range g.Rules(d) {
				peers, reason := a.Peers(r)
				checked.Rules = append(checked.Rules, CheckedRule{
					ID: r.ID, Direction: d, What: r.What(), Peer: r.PeerText(), Description: r.Description,
					Addresses: len(peers), Enforced: reason.Empty(), Reason: reason,
				})
			}
		}
		c.Groups = append(c.Groups, checked)
	}
	for _, n := range a.Notes {
		c.Notes = append(c.Notes, say.F("%s", n))
	}
	return c
}
