package scenario

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// An Action is one of the types below. Said describes it to people.
type Action interface{ Said() say.Sentence }

// Start starts a stream from one host to another: ICMP echo requests, UDP datagrams or the messages
// of one TCP connection.
type Start struct {
	Stream   string
	Protocol packet.Protocol // sg.ICMP (also for IPv6), sg.TCP or sg.UDP
	From, To string          // hosts
	Port     int             // destination port for TCP and UDP
	// SourcePort is the source port for TCP and UDP, and the ID for ICMP; 0 for one that no other
	// stream uses.
	SourcePort int
	ID         int
	// Size is the payload of each packet in bytes; 0 for the default.
	Size int
	// Unserved reports that nothing listens on the port.
	Unserved bool
	// Push is whether the server sends the messages of TCP or UDP, once it has answered the first: of
	// each connection, or of the flow.
	Push bool
	// Keepalive is after which silence the client's TCP asks whether the server is there; 0 for never.
	Keepalive time.Duration
	// Published is where the client reaches the target's port, if another host publishes it.
	Published Published
}

// Stop stops a stream. A TCP connection is reset.
type Stop struct{ Stream string }

// Restart stops a stream and starts a copy of it named As.
type Restart struct {
	Stream, As string
	Same       bool // keep the ICMP ID or source port: the same flow to conntrack
}

// Change changes the account that the lab enforces: rules, groups of hosts, prefix lists, network
// ACLs.
type Change struct{ sg.Change }

// Cut deletes conntrack entries: those of a stream, those that a rule has admitted, or all.
type Cut struct {
	Host       string // empty for all hosts
	Stream     string
	AdmittedBy string // id of a rule
	All        bool
}

// Wait pauses the scenario.
type Wait struct{ For time.Duration }

// Configure changes how conntrack behaves on all hosts.
type Configure struct {
	Timeouts *sg.Timeouts // nil for no change
	Loose    *bool        // nil for no change
}

// Forge sends one UDP datagram from a host in the name of another one.
type Forge struct {
	On               string // the host that sends it
	From, To         string // hosts: whose address is its source, and for whom it is
	SourcePort, Port int
}

// Exec runs a program in a host and waits for it to exit.
type Exec struct {
	Place
	Host    string
	Command []string
	Exit    int // expected exit code
}

// Said describes the action to people.
func (a Start) Said() say.Sentence {
	switch {
	case a.Push && a.Protocol == packet.TCP:
		return say.F("start stream %s: tcp to %s port %d from %s, after which %s sends", a.Stream, a.To, a.Port, a.From, a.To)
	case a.Push:
		return say.F("start stream %s: udp to %s port %d from %s, after which %s sends", a.Stream, a.To, a.Port, a.From, a.To)
	}
	if a.Keepalive > 0 {
		return say.F("start stream %s: tcp to %s port %d from %s, with a keepalive after %s", a.Stream, a.To, a.Port, a.From, a.Keepalive)
	}
	switch published := a.Published != (Published{}); {
	case published && a.Protocol == packet.TCP:
		return say.F("start stream %s: tcp to %s port %d, published as %s port %d, from %s", a.Stream, a.To, a.Port, a.Published.Host, a.Published.Port, a.From)
	case published:
		return say.F("start stream %s: udp to %s port %d, published as %s port %d, from %s", a.Stream, a.To, a.Port, a.Published.Host, a.Published.Port, a.From)
	}
	switch a.Protocol {
	case packet.TCP:
		return say.F("start stream %s: tcp to %s port %d from %s", a.Stream, a.To, a.Port, a.From)
	case packet.UDP:
		return say.F("start stream %s: udp to %s port %d from %s", a.Stream, a.To, a.Port, a.From)
	}
	return say.F("start stream %s: ping %s from %s", a.Stream, a.To, a.From)
}

// Said describes the action to people.
func (a Stop) Said() say.Sentence { return say.F("stop stream %s", a.Stream) }

// Said describes the action to people.
func (a Restart) Said() say.Sentence {
	as := say.F("as a new flow")
	if a.Same {
		as = say.F("as the same flow")
	}
	return say.F("stop stream %s and start it again as stream %s, %s", a.Stream, a.As, as)
}

// Said describes the action to people.
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

// Said describes the action to people.
func (a Wait) Said() say.Sentence { return say.F("wait %s", a.For) }

// Said describes the action to people.
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

// Packet returns the packet, whose payload is 48 zero bytes, given all hosts.
func (a Forge) Packet(hosts []Host) packet.Header {
	host := func(name string) Host {
		return hosts[slices.IndexFunc(hosts, func(h Host) bool { return h.Name == name })]
	}
	from, to := host(a.From), host(a.To)
	source, target, routed := from.Toward(to, hosts)
	if !routed {
		source = from.Address.Addr()
	}
	return packet.Header{Protocol: packet.UDP, Source: source, Destination: target, SourcePort: uint16(a.SourcePort), DestinationPort: uint16(a.Port), Length: 48}
}

// Said describes the action to people.
func (a Forge) Said() say.Sentence {
	return say.F("send a forged packet from %s: udp from %s port %d to %s port %d", a.On, a.From, a.SourcePort, a.To, a.Port)
}

// Line returns the command in one line. Words are in quotes unless a shell would read them as they
// are, so nothing of them can hide.
func (a Exec) Line() string {
	words := make([]string, len(a.Command))
	for i, word := range a.Command {
		if words[i] = word; !plainWord.MatchString(word) {
			words[i] = strconv.QuoteToASCII(word)
		}
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9%+,./:=@_-]+$`)

// Said describes the action to people.
func (a Exec) Said() say.Sentence {
	return say.F("run on %s: %s", a.Host, strings.Join(a.Command, " "))
}
