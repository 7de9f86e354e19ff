package report

import (
	"net/netip"

	"lablab/report/claims"
	"lablab/say"
)

// A change is what opened or closed the way for packets.
type change struct {
	when
	cause cause
	rule  *ruleHistory
	host  string // which joined or left a group
	group string
	entry netip.Prefix // which a prefix list got or lost
}

// A cause is the kind of a change.
type cause int

const (
	ruleAuthorized cause = iota + 1
	ruleRevoked
	hostJoined // the host got the rule's group
	hostLeft
	peerJoined // the other host got the group that the rule names as its peer
	peerLeft
	peerListed // the prefix list that the rule names got the other host
	peerUnlisted
)

// done says what closed the way for packets.
func (c change) done() say.Sentence {
	switch c.cause {
	case hostLeft:
		return say.F("group %q was removed from %s", c.group, c.host)
	case peerUnlisted:
		return say.F("%s was removed from prefix list %q", c.entry, c.group)
	case peerLeft:
		return say.F("rule %q is about group %q, which was removed from %s", c.rule.ID, c.group, c.host)
	}
	return say.F("rule %q was revoked", c.rule.ID)
}

// doing names the same by its verb: it may have had no effect.
func (c change) doing() say.Sentence {
	switch c.cause {
	case ruleRevoked:
		return say.F("revoking rule %q", c.rule.ID)
	case peerUnlisted:
		return say.F("removing %s from prefix list %q", c.entry, c.group)
	}
	return say.F("removing group %q from %s", c.group, c.host)
}

// begun says what opened the way for the packets that a rule matched, and when.
func (c change) begun(in tense, during say.Sentence) say.Sentence {
	switch c.cause {
	case ruleAuthorized:
		return say.F("it %s authorized%s", wasIn(in), during)
	case peerListed:
		return say.F("%s %s added to prefix list %q%s", c.entry, wasIn(in), c.group, during)
	}
	return say.F("group %q %s attached to %s%s", c.group, wasIn(in), c.host, during)
}

// had says how an entry had ended before packets came, and when.
func (l *life) had(entry, during say.Sentence) say.Sentence {
	switch l.end() {
	case claims.Asked, claims.Deleted:
		return say.F("%s had been deleted%s", entry, during)
	case claims.Changed:
		return say.F("%s had been deleted%s, because the rules had changed", entry, during)
	case claims.Untracked:
		return say.F("%s had ended%s, because such flows were no longer tracked", entry, during)
	case claims.TimedOut:
		return say.F("%s had timed out%s", entry, during)
	case claims.Closing:
		return say.F("%s had ended with its connection", entry)
	}
	return say.F("%s was gone", entry)
}

// ends says how an entry ends, or nothing if lablab deletes it.
func (l *life) ends() say.Sentence {
	switch l.end() {
	case claims.TimedOut:
		return say.F("An entry has timed out and is forgotten.")
	case claims.Closing:
		return say.F("A connection is closed: %s forgets its entry.", l.host)
	case claims.Deleted:
		return say.F("Another program has deleted an entry on %s.\nThe next packet of the flow will count as new.", l.host)
	case claims.Unknown:
		return say.F("%s has forgotten an entry.", l.host)
	}
	return say.Sentence{}
}
