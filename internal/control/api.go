// Package control lets other processes look into a lab that lives in this one, and
// change it: HTTP with JSON over a Unix socket, which only the lab's owner can open.
// docs/api.md describes it.
package control

import (
	"time"

	"lablab/packet"
	"lablab/report"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// A Status is a whole lab at one moment.
type Status struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Scenario string    `json:"scenario"`
	PID      int       `json:"pid,omitempty"`
	Rootless bool      `json:"rootless"`
	Started  time.Time `json:"started"`
	Hosts    []Host    `json:"hosts"`
	Groups   []Group   `json:"groups"`
	// Missed is how many verdicts and conntrack events the kernel told of and nobody heard.
	Missed int `json:"missed"`
	// Last is the number of the last event: all that the kernel had said when the status
	// was asked for is told by then.
	Last uint64 `json:"last"`
	// Web is where a browser finds the page, with the token that lets it in; only the
	// lab's owner is told.
	Web string `json:"web,omitempty"`
}

// A Host is a host of the lab.
type Host struct {
	Name    string   `json:"name"`
	Address string   `json:"address"` // with the length of its network's prefix
	Groups  []string `json:"groups"`
	// Namespace is a file that holds its network namespace, for nsenter(1).
	Namespace string `json:"namespace,omitempty"`
	// UTS is a file that holds its UTS namespace, if it has one.
	UTS string `json:"uts,omitempty"`
	ACL bool   `json:"acl"` // a network ACL stands before it
}

// A Group is a security group of the lab.
type Group struct {
	ID    string   `json:"id"`
	Hosts []string `json:"hosts"`
	Rules []Rule   `json:"rules"`
	// Revoked are the rules that were revoked from it, and can be authorized again by
	// their ids.
	Revoked []Rule `json:"revoked"`
}

// A Rule is a rule of a group.
type Rule struct {
	sg.Rule
	Direction packet.Direction `json:"direction"`
	Text      string           `json:"text"` // what the rule says: "icmp 10.255.0.0/16"
	Number    uint32           `json:"number"`
}

// A Flow is a conntrack entry of a host, with the rule that let it in.
type Flow struct {
	report.Entry
	Key packet.Key `json:"key"`
}

// A RuleChange authorizes or revokes rules.
type RuleChange struct {
	Group     string           `json:"group"`
	Direction packet.Direction `json:"direction"`
	Rules     []sg.Rule        `json:"rules,omitempty"`
	IDs       []string         `json:"ids,omitempty"` // of rules to revoke, or to authorize again
}

// A GroupChange gives a host other groups.
type GroupChange struct {
	Host   string   `json:"host"`
	Groups []string `json:"groups"`
}

// An ACLChange puts a network ACL before a host, or takes it away.
type ACLChange struct {
	Host string  `json:"host"`
	ACL  *sg.ACL `json:"acl"` // null takes it away
}

// A CutRequest deletes conntrack entries: one, those that a rule admitted, or all.
type CutRequest struct {
	Host       string      `json:"host,omitempty"` // all if it is empty
	Flow       *packet.Key `json:"flow,omitempty"`
	AdmittedBy string      `json:"admitted_by,omitempty"`
	All        bool        `json:"all,omitempty"`
	// ConntrackID is the id of one entry, as flows have it.
	ConntrackID uint32 `json:"conntrack_id,omitempty"`
}

// A CutAnswer says how many there were.
type CutAnswer struct {
	Cut int `json:"cut"`
}

// A StreamStart starts a stream of packets, one a second, from one host to another.
type StreamStart struct {
	Protocol string `json:"protocol"` // "icmp", "tcp" or "udp"
	From     string `json:"from"`
	To       string `json:"to"`
	Port     int    `json:"port,omitempty"` // of TCP and UDP
}

// A Stream is a stream by its name.
type Stream struct {
	Stream string `json:"stream"`
}

// A Load puts the hosts and groups of a built-in scenario in the place of a lab's.
type Load struct {
	Scenario string `json:"scenario"`
}

// A Scenario is one that is built in.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// A failure is why something was not done. Code is EC2's, where it has one.
type failure struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	// Said is the message as it can be told in other languages.
	Said *say.Kept `json:"said,omitempty"`
}

// A Ruleset is what a host enforces.
type Ruleset struct {
	Host     string             `json:"host"`
	Text     string             `json:"text"` // as nft(8) would list it, with the figures of its counters; a network ACL first
	Counters []timeline.Counter `json:"counters"`
}

// An Effect is what a change of rules, groups or a network ACL did to flows that were up.
type Effect struct {
	// Outlived is how many entries live on whose rule does not apply to their host any more.
	Outlived int `json:"outlived"`
	// Deleted is how many entries were deleted, as their flows are not tracked any more.
	Deleted int `json:"deleted"`
	// Untracked is what happens to flows that were not tracked before: "dropped" if no rule
	// allows them now, "checked" if one may; empty if the change makes no flow tracked.
	Untracked string `json:"untracked,omitempty"`
	// Denied is how many entries are of flows that the network ACL denies, in either direction.
	Denied int `json:"denied"`
}

// Done says that something was done.
type Done struct{}
