// Package control lets other processes inspect and change a lab that this process runs. It speaks
// HTTP with JSON over a Unix socket that only the lab's owner can open. docs/api.md describes the
// API.
package control

import (
	"net/netip"
	"time"

	"lablab/packet"
	"lablab/report"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// A Status describes a whole lab at one moment.
type Status struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Scenario string    `json:"scenario"`
	PID      int       `json:"pid,omitempty"`
	Rootless bool      `json:"rootless"`
	Started  time.Time `json:"started"`
	Hosts    []Host    `json:"hosts"`
	Groups   []Group   `json:"groups"`
	// PrefixLists are those whose entries are known.
	PrefixLists []PrefixList `json:"prefix_lists"`
	// Missed is the number of verdicts and conntrack events that the kernel sent and the lab lost
	// since it began.
	Missed int `json:"missed"`
	// Last is the number of the last event. The timeline up to Last has everything that the kernel
	// had sent when the status was requested.
	Last uint64 `json:"last"`
	// Web is the URL of the page, with its token. Only the lab's owner gets it.
	Web string `json:"web,omitempty"`
}

// A Host is a host of the lab.
type Host struct {
	Name    string   `json:"name"`
	Address string   `json:"address"` // with the length of its network's prefix
	Groups  []string `json:"groups"`
	// Second is its address in a second network.
	Second string `json:"second_address,omitempty"`
	// Namespace is a file that holds the host's network namespace, for nsenter(1).
	Namespace string `json:"namespace,omitempty"`
	// UTS is a file that holds the host's UTS namespace, if it has one.
	UTS string `json:"uts,omitempty"`
	ACL bool   `json:"acl"` // has a network ACL attached
	// ACLRules are those of its network ACL.
	ACLRules *sg.ACL `json:"acl_rules,omitempty"`
	// Model is its enforcement model in one word, such as "cut-inbound".
	Model string `json:"model"`
}

// A Group is a security group of the lab.
type Group struct {
	ID    string   `json:"id"`
	Hosts []string `json:"hosts"`
	Rules []Rule   `json:"rules"`
	// Revoked lists the group's revoked rules, which can be authorized again by their ids.
	Revoked []Rule `json:"revoked"`
}

// A Rule is a rule of a group.
type Rule struct {
	sg.Rule
	Direction packet.Direction `json:"direction"`
	Text      string           `json:"text"` // such as "icmp 10.255.0.0/16"
	Number    uint32           `json:"number"`
}

// A Flow is a conntrack entry of a host, with the rule that admitted it.
type Flow struct {
	report.Entry
	Key packet.Key `json:"key"`
}

// A PrefixList is a prefix list whose entries are known.
type PrefixList struct {
	ID      string         `json:"id"`
	Entries []netip.Prefix `json:"entries"`
}

// A Changing requests changes, all of them or none. The interfaces are the hosts.
type Changing struct {
	Changes sg.Changes `json:"changes"`
}

// A CutRequest deletes conntrack entries: one, those that a rule admitted, or all.
type CutRequest struct {
	Host       string      `json:"host,omitempty"` // empty for all hosts
	Flow       *packet.Key `json:"flow,omitempty"`
	AdmittedBy string      `json:"admitted_by,omitempty"`
	All        bool        `json:"all,omitempty"`
	// ConntrackID is the id of one entry, as in a Flow.
	ConntrackID uint32 `json:"conntrack_id,omitempty"`
}

// Observed says that the lab's entries and counters are in its timeline.
type Observed struct {
	Started time.Time `json:"started"` // identifies the timeline
	Last    uint64    `json:"last"`    // number of its last event by then
}

// A CutAnswer says how many entries were deleted.
type CutAnswer struct {
	Cut int `json:"cut"`
}

// A StreamStart starts a stream of packets, one per second, from one host to another.
type StreamStart struct {
	Protocol string `json:"protocol"` // "icmp", "tcp" or "udp"
	From     string `json:"from"`
	To       string `json:"to"`
	Port     int    `json:"port,omitempty"` // of TCP and UDP
}

// A Stream names a stream.
type Stream struct {
	Stream string `json:"stream"`
}

// A Load replaces a lab's hosts and groups with those of a built-in scenario.
type Load struct {
	Scenario string `json:"scenario"`
}

// A Scenario describes a built-in scenario.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// A failure is the reason why a request failed. Code is EC2's error code, if there is one.
type failure struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	// Said is the message in a form that can be translated.
	Said *say.Kept `json:"said,omitempty"`
}

// A Ruleset is what a host enforces.
type Ruleset struct {
	Host     string             `json:"host"`
	Text     string             `json:"text"` // as nft(8) would list it, with counters; a network ACL comes first
	Counters []timeline.Counter `json:"counters"`
}

// An Effect is what changes did to existing flows.
type Effect struct {
	// Outlived is the number of entries that remain although the rule that admitted them no longer
	// applies to their flow.
	Outlived int `json:"outlived"`
	// Converted is the number of flows with an entry that are no longer tracked.
	Converted int `json:"converted"`
	// Untracked says what happens to flows that were untracked until now: "dropped" if no rule
	// allows them, "checked" if a rule may. It is empty if the change makes no flow tracked.
	Untracked string `json:"untracked,omitempty"`
	// Denied is the number of entries whose flows the network ACL denies in either direction.
	Denied int `json:"denied"`
	// Deleted is the number of entries that the enforcement models of hosts have deleted.
	Deleted int `json:"deleted"`
	// Models are the enforcement models, or the products that stand for them, of hosts whose rules have
	// changed and decide about known flows too.
	Models []string `json:"models,omitempty"`
}

// Done is the empty answer to a successful request.
type Done struct{}
