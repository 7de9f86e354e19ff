package scenario

import (
	"strings"
	"time"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// An Action is one of the types below. Said is what a person is told.
type Action interface{ Said() say.Sentence }

// Start starts a stream from one host to another: ICMP echo requests, datagrams
// or the messages of one TCP connection.
type Start struct {
	Stream   string
	Protocol packet.Protocol // sg.ICMP (for IPv6 too), sg.TCP or sg.UDP
	From, To string          // hosts
	Port     int             // destination port of TCP and UDP
	// SourcePort of TCP and UDP, and ID of ICMP; 0 for one that no other stream has.
	SourcePort int
	ID         int
	// Size is the payload of each packet in bytes; 0 for what is usual.
	Size int
	// Unserved is whether nobody listens at the port.
	Unserved bool
}

// Stop stops a stream. TCP's connection is reset.
type Stop struct{ Stream string }

// Restart stops a stream and starts one like it, with the name As.
type Restart struct {
	Stream, As string
	Same       bool // with the same ICMP id or source port: the same flow for conntrack
}

// Authorize adds rules to a group, all at once.
type Authorize struct {
	Group     string
	Direction packet.Direction
	Rules     []sg.Rule
}

// Revoke removes the rules with these ids from a group, all at once.
type Revoke struct {
	Group string
	Rules []string
}

// RevokeSame removes the rules that say exactly the same.
type RevokeSame struct {
	Group     string
	Direction packet.Direction
	Rules     []sg.Rule
}

// SetGroups gives a host other groups than it carries.
type SetGroups struct {
	Host   string
	Groups []string
}

// Cut deletes conntrack entries: of a stream, of the flows that a rule has
// admitted, or all.
type Cut struct {
	Host       string // all hosts if empty
	Stream     string
	AdmittedBy string // the id of a rule
	All        bool
}

// Wait lets time go by.
type Wait struct{ For time.Duration }

// Configure changes how conntrack behaves on all hosts.
type Configure struct {
	Timeouts *sg.Timeouts // nil to leave them
	Loose    *bool        // nil to leave it
}

// SetACL puts a network ACL before a host, or takes it away.
type SetACL struct {
	Host string
	ACL  *sg.ACL // nil takes it away
}

// Exec runs a program in a host and waits for its end.
type Exec struct {
	Host    string
	Command []string
	Exit    int // the exit code that is expected
}

// Said is what a person is told.
func (a Start) Said() say.Sentence {
	switch a.Protocol {
	case packet.TCP:
		return say.F("start stream %s: tcp to %s port %d from %s", a.Stream, a.To, a.Port, a.From)
	case packet.UDP:
		return say.F("start stream %s: udp to %s port %d from %s", a.Stream, a.To, a.Port, a.From)
	}
	return say.F("start stream %s: ping %s from %s", a.Stream, a.To, a.From)
}

// Said is what a person is told.
func (a Stop) Said() say.Sentence { return say.F("stop stream %s", a.Stream) }

// Said is what a person is told.
func (a Restart) Said() say.Sentence {
	as := say.F("as a new flow")
	if a.Same {
		as = say.F("as the same flow")
	}
	return say.F("stop stream %s and start it again as stream %s, %s", a.Stream, a.As, as)
}

// Said is what a person is told.
func (a Revoke) Said() say.Sentence {
	return say.F("revoke %s %s of group %s", rules(len(a.Rules)), strings.Join(a.Rules, ", "), a.Group)
}

// Said is what a person is told.
func (a RevokeSame) Said() say.Sentence {
	return say.F("revoke %s %s of group %s", rules(len(a.Rules)), texts(a.Rules), a.Group)
}

// Said is what a person is told.
func (a Authorize) Said() say.Sentence {
	named := make([]say.Sentence, len(a.Rules))
	for i, r := range a.Rules {
		named[i] = say.F("%s (%s)", r.ID, r)
	}
	return say.F("authorize %s %s in group %s", rules(len(a.Rules)), say.List(", ", named...), a.Group)
}

// Said is what a person is told.
func (a SetGroups) Said() say.Sentence {
	if len(a.Groups) == 0 {
		return say.F("remove all groups from %s", a.Host)
	}
	return say.F("change the groups of %s to %s", a.Host, strings.Join(a.Groups, ", "))
}

// Said is what a person is told.
func (a Cut) Said() say.Sentence {
	var where say.Sentence
	if a.Host != "" {
		where = say.F(" on %s", a.Host)
	}
	switch {
	case a.Stream != "":
		return say.F("delete the conntrack entries of stream %s%s", a.Stream, where)
	case a.AdmittedBy != "":
		return say.F("delete the conntrack entries that rule %s admitted%s", a.AdmittedBy, where)
	}
	return say.F("delete all conntrack entries%s", where)
}

// Said is what a person is told.
func (a Wait) Said() say.Sentence { return say.F("wait %s", a.For) }

// Said is what a person is told.
func (a Configure) Said() say.Sentence {
	var parts []say.Sentence
	if a.Timeouts != nil {
		parts = append(parts, say.F("use the conntrack timeouts of %s", a.Timeouts.Profile))
	}
	if a.Loose != nil {
		parts = append(parts, map[bool]say.Sentence{
			true: say.F("let conntrack pick up TCP connections mid-stream"), false: say.F("stop conntrack from picking up TCP connections mid-stream"),
		}[*a.Loose])
	}
	return say.List(" and ", parts...)
}

// Said is what a person is told.
func (a SetACL) Said() say.Sentence {
	if a.ACL == nil {
		return say.F("remove the network ACL from %s", a.Host)
	}
	var listed []say.Sentence
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		for _, r := range a.ACL.Rules(d) {
			listed = append(listed, say.F("%s %s", d, r))
		}
	}
	return say.F("attach a network ACL to %s: %s", a.Host, say.List("; ", append(listed, say.F("everything else is denied"))...))
}

// Said is what a person is told.
func (a Exec) Said() say.Sentence {
	return say.F("run on %s: %s", a.Host, strings.Join(a.Command, " "))
}

func rules(n int) say.Agreement {
	if n == 1 {
		return "rule"
	}
	return "rules"
}

func texts(list []sg.Rule) string {
	all := make([]string, len(list))
	for i, r := range list {
		all[i] = r.String()
	}
	return strings.Join(all, ", ")
}
