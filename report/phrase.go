package report

import (
	"lablab/report/claims"
	"lablab/say"
)

// A phrase is a part of a sentence, and what it claims.
type phrase struct {
	say.Sentence
	claims []claims.Claim
}

// sentence makes a sentence of its phrases, and returns what they claim.
func sentence(format string, args ...any) (s say.Sentence, claimed []claims.Claim) {
	for i, arg := range args {
		if said, is := arg.(phrase); is {
			args[i] = said.Sentence
			claimed = append(claimed, said.claims...)
		}
	}
	return say.F(format, args...), claimed
}

// decided claims what a host decided about packets.
func (r run) decided() claims.Claim {
	c := claims.Claim{Kind: claims.Decided, Host: r.Host, Direction: r.Direction, State: r.State, Accepted: r.accepted(), By: r.By}
	if r.alone {
		c.Event = r.first.seq
	} else {
		c.Stream, c.First, c.Last, c.Reply = r.first.Stream, r.First, r.Last, r.first.Reply
	}
	return c
}

// claim returns a claim about packets.
func (r run) claim(c claims.Claim) []claims.Claim {
	about := r.decided()
	about.Kind, about.Entry, about.Ending, about.Change, about.Rule, about.Other = c.Kind, c.Entry, c.Ending, c.Change, c.Rule, c.Other
	about.Group, about.Member = c.Group, c.Member
	return []claims.Claim{about}
}

// claimChange claims what a change of a rule did for packets.
func (r run) claimChange(kind claims.Kind, c change) []claims.Claim {
	return r.claim(claims.Claim{Kind: kind, Change: c.seq, Rule: c.rule.Number, Group: c.group, Member: c.host})
}
