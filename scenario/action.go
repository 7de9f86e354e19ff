package scenario

import (
	"fmt"
	"strings"
	"time"

	"lablab/sg"
)

// An Action is one of the types below. Its String is what a person is told.
type Action interface{ fmt.Stringer }

// Start starts a stream from one host to another: ICMP echo requests, datagrams
// or the messages of one TCP connection.
type Start struct {
	Stream   string
	Protocol sg.Protocol // sg.ICMP (for IPv6 too), sg.TCP or sg.UDP
	From, To string      // hosts
	Port     int         // destination port of TCP and UDP
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
	Direction sg.Direction
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
	Direction sg.Direction
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

func (a Start) String() string {
	switch a.Protocol {
	case sg.TCP:
		return fmt.Sprintf("start stream %s: tcp to %s port %d from %s", a.Stream, a.To, a.Port, a.From)
	case sg.UDP:
		return fmt.Sprintf("start stream %s: udp to %s port %d from %s", a.Stream, a.To, a.Port, a.From)
	}
	return fmt.Sprintf("start stream %s: ping %s from %s", a.Stream, a.To, a.From)
}

func (a Stop) String() string { return fmt.Sprintf("stop stream %s", a.Stream) }

func (a Restart) String() string {
	as := "as a new flow"
	if a.Same {
		as = "as the same flow"
	}
	return fmt.Sprintf("stop stream %s and start it again as stream %s, %s", a.Stream, a.As, as)
}

func (a Revoke) String() string {
	return fmt.Sprintf("revoke %s %s of group %s", rules(len(a.Rules)), strings.Join(a.Rules, ", "), a.Group)
}

func (a RevokeSame) String() string {
	return fmt.Sprintf("revoke %s %s of group %s", rules(len(a.Rules)), texts(a.Rules), a.Group)
}

func (a Authorize) String() string {
	named := make([]string, len(a.Rules))
	for i, r := range a.Rules {
		named[i] = fmt.Sprintf("%s (%s)", r.ID, r)
	}
	return fmt.Sprintf("authorize %s %s in group %s", rules(len(a.Rules)), strings.Join(named, ", "), a.Group)
}

func (a SetGroups) String() string {
	if len(a.Groups) == 0 {
		return fmt.Sprintf("take all groups from %s", a.Host)
	}
	return fmt.Sprintf("change the groups of %s to %s", a.Host, strings.Join(a.Groups, ", "))
}

func (a Cut) String() string {
	where := ""
	if a.Host != "" {
		where = " on " + a.Host
	}
	switch {
	case a.Stream != "":
		return fmt.Sprintf("delete the conntrack entries of stream %s%s", a.Stream, where)
	case a.AdmittedBy != "":
		return fmt.Sprintf("delete the conntrack entries that rule %s admitted%s", a.AdmittedBy, where)
	}
	return "delete all conntrack entries" + where
}

func (a Wait) String() string { return fmt.Sprintf("wait %s", a.For) }

func (a Configure) String() string {
	var parts []string
	if a.Timeouts != nil {
		parts = append(parts, "use the conntrack timeouts of "+a.Timeouts.Profile)
	}
	if a.Loose != nil {
		parts = append(parts, map[bool]string{
			true: "let conntrack take up TCP connections in the middle", false: "let conntrack take up no TCP connection in the middle",
		}[*a.Loose])
	}
	return strings.Join(parts, " and ")
}

func (a SetACL) String() string {
	if a.ACL == nil {
		return fmt.Sprintf("take the network ACL away from %s", a.Host)
	}
	var listed []string
	for _, d := range []sg.Direction{sg.Ingress, sg.Egress} {
		for _, r := range a.ACL.Rules(d) {
			listed = append(listed, fmt.Sprintf("%s %s", d, r))
		}
	}
	return fmt.Sprintf("put a network ACL before %s: %s", a.Host, strings.Join(append(listed, "all else is denied"), "; "))
}

func (a Exec) String() string {
	return fmt.Sprintf("run on %s: %s", a.Host, strings.Join(a.Command, " "))
}

func rules(n int) string {
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
