package scenario

// The types below mirror a scenario file. Their tags give its keys and the descriptions that an
// editor shows (see Schema); a key marked "omitempty" is optional.

type file struct {
	Place
	Name        name          `json:"name" jsonschema:"the scenario's name: letters, digits, - and _"`
	Title       line          `json:"title" jsonschema:"what it shows, in one line"`
	Question    text          `json:"question,omitempty" jsonschema:"the question to answer before the run"`
	Ask         number        `json:"ask,omitempty" jsonschema:"the number of the experiment before which the page asks what will happen; by default the first that surprises"`
	AskAbout    name          `json:"ask_about,omitempty" jsonschema:"the stream that it asks about; by default the first that surprises"`
	Interval    span          `json:"interval,omitempty" jsonschema:"the time between packets of a stream, such as 20ms"`
	Timeouts    timeouts      `json:"timeouts,omitempty" jsonschema:"the idle timeouts of flows"`
	TimeLapse   word          `json:"time_lapse,omitempty" jsonschema:"on a kernel, whose clock does not jump, multiply waits, timeouts and keepalives by this: above 0, at most 1"`
	TCPLoose    boolean       `json:"tcp_loose,omitempty" jsonschema:"whether conntrack picks up TCP connections mid-stream, as Linux does and EC2 does not"`
	Model       some[model]   `json:"model,omitempty" jsonschema:"the enforcement model of the hosts: what a rule change does to flows that are there; a list if the scenario compares several"`
	Related     word          `json:"related,omitempty" jsonschema:"which ICMP errors about known flows are accepted without a rule"`
	Hosts       named[host]   `json:"hosts" jsonschema:"two to sixteen hosts, by name; in one network unless a host is in two"`
	Groups      named[group]  `json:"groups" jsonschema:"the security groups, by name; none if every host has a ruleset"`
	PrefixLists named[ranges] `json:"prefix_lists,omitempty" jsonschema:"named sets of address ranges"`
	Experiments []experiment  `json:"experiments" jsonschema:"the experiments, in order; streams go on from one to the next"`
}

type host struct {
	Place
	Address         some[word] `json:"address" jsonschema:"the host's address with its prefix length, such as 10.255.1.10/16; a list of two if it is in two networks"`
	Groups          []name     `json:"groups,omitempty" jsonschema:"the host's security groups"`
	Ruleset         line       `json:"ruleset,omitempty" jsonschema:"instead of groups, a file with an nftables ruleset in the syntax of nft(8); a path relative to this file"`
	Model           model      `json:"model,omitempty" jsonschema:"the host's enforcement model, if not that of the scenario"`
	AlwaysTracked   boolean    `json:"always_tracked,omitempty" jsonschema:"whether all its flows are tracked, as those through a load balancer are"`
	Conversion      word       `json:"conversion,omitempty" jsonschema:"when a tracked flow that becomes untracked loses its tracking: with the change, or with its next packet"`
	Routes          []route    `json:"routes,omitempty" jsonschema:"through which hosts it reaches other networks"`
	Forwards        boolean    `json:"forwards,omitempty" jsonschema:"whether it forwards packets that are not for itself, as a router or a NAT instance does"`
	NAT             word       `json:"nat,omitempty" jsonschema:"masquerade: what it forwards gets its own address as source; gateway: also, segments of TCP connections that it does not know are answered with a reset"`
	Timeouts        timeouts   `json:"timeouts,omitempty" jsonschema:"the host's own idle timeouts of flows"`
	SourceDestCheck boolean    `json:"source_dest_check,omitempty" jsonschema:"false switches off EC2's check, which drops what is neither from nor to the host"`
}

type route struct {
	Place
	To  word `json:"to" jsonschema:"an address range, or default"`
	Via name `json:"via" jsonschema:"the next host, in a common network"`
}

// A group lists its rules here, or refers to a group in another file.
type group struct {
	Place
	File    some[line] `json:"file,omitempty" jsonschema:"the output of aws ec2 describe-security-groups; a path relative to this file"`
	ID      name       `json:"id,omitempty" jsonschema:"the id of the group in that file"`
	Ingress []rule     `json:"ingress,omitempty" jsonschema:"the inbound rules"`
	Egress  []rule     `json:"egress,omitempty" jsonschema:"the outbound rules"`
}

type rule struct {
	Place
	ID          name `json:"id,omitempty" jsonschema:"the rule's id; by default in-1, in-2, out-1 and so on"`
	Protocol    word `json:"protocol" jsonschema:"tcp, udp, icmp, icmpv6, all or a number"`
	Port        word `json:"port,omitempty" jsonschema:"for TCP and UDP: a port, a range such as 22-25, or all"`
	Type        word `json:"type,omitempty" jsonschema:"for ICMP: a number, or all"`
	Code        word `json:"code,omitempty" jsonschema:"for ICMP: a number, or all"`
	CIDR        word `json:"cidr,omitempty" jsonschema:"the peer: an address range"`
	SourceGroup name `json:"source_group,omitempty" jsonschema:"the peer: the members of this group"`
	PrefixList  name `json:"prefix_list,omitempty" jsonschema:"the peer: the ranges of this prefix list"`
	Description line `json:"description,omitempty" jsonschema:"a comment for readers"`
}

type ranges []word

type experiment struct {
	Place
	Title  line                    `json:"title" jsonschema:"what happens, in one line"`
	Do     []action                `json:"do,omitempty" jsonschema:"the actions, in order, before the packets are sent"`
	For    number                  `json:"for,omitempty" jsonschema:"how many packets each stream sends"`
	Within span                    `json:"within,omitempty" jsonschema:"the time limit"`
	Expect named[some[prediction]] `json:"expect,omitempty" jsonschema:"the predictions for streams and hosts, by name"`
}

type doPing struct {
	Ping name   `json:"ping" jsonschema:"start a ping to this host"`
	From name   `json:"from" jsonschema:"the host that pings"`
	As   name   `json:"as" jsonschema:"the stream's name"`
	ID   number `json:"id,omitempty" jsonschema:"the ICMP id; by default a new one"`
	Size number `json:"size,omitempty" jsonschema:"bytes of payload"`
}

type doTCP struct {
	TCP name `json:"tcp" jsonschema:"connect to this host, which echoes one message per interval"`
	doFlow
	Keepalive span `json:"keepalive,omitempty" jsonschema:"after which silence the client's TCP asks whether the server is still there, in whole seconds"`
}

type doUDP struct {
	UDP name `json:"udp" jsonschema:"send datagrams to this host, which echoes them"`
	doFlow
}

type doFlow struct {
	Port       number  `json:"port" jsonschema:"the destination port"`
	From       name    `json:"from" jsonschema:"the host that sends"`
	As         name    `json:"as" jsonschema:"the stream's name"`
	SourcePort number  `json:"source_port,omitempty" jsonschema:"the source port; by default a new one"`
	Size       number  `json:"size,omitempty" jsonschema:"bytes of each message"`
	Push       boolean `json:"push,omitempty" jsonschema:"whether only the server sends, once it has answered the first message, as in a download"`
	Unserved   boolean `json:"unserved,omitempty" jsonschema:"whether the port is closed: nothing listens on it"`
	Published  word    `json:"published,omitempty" jsonschema:"where the client reaches the port, if a host with a ruleset publishes it (DNAT), such as gw:8080"`
}

type doStop struct {
	Stop name `json:"stop" jsonschema:"stop this stream"`
}

type doRestart struct {
	Restart name    `json:"restart" jsonschema:"stop this stream and start one like it"`
	As      name    `json:"as" jsonschema:"the new stream's name"`
	Same    boolean `json:"same,omitempty" jsonschema:"keep the ICMP id or source port: to conntrack, the same flow"`
}

type doAuthorize struct {
	Authorize some[ruleOrID] `json:"authorize" jsonschema:"add rules, or restore revoked ones by id"`
	Group     name           `json:"group" jsonschema:"to this group"`
	Direction word           `json:"direction,omitempty" jsonschema:"ingress by default"`
}

type doRevoke struct {
	Revoke    some[ruleOrID] `json:"revoke" jsonschema:"remove rules, by id or by content"`
	Group     name           `json:"group" jsonschema:"from this group"`
	Direction word           `json:"direction,omitempty" jsonschema:"for rules given by content: ingress by default"`
}

type doGroups struct {
	Groups []name `json:"groups" jsonschema:"the host's groups from now on; [] for none"`
	Of     name   `json:"of" jsonschema:"the host"`
}

type doCut struct {
	Cut cut  `json:"cut" jsonschema:"delete conntrack entries: those of a stream, those that a rule admitted, or all"`
	On  name `json:"on,omitempty" jsonschema:"on this host; by default on all"`
}

type doWait struct {
	Wait span `json:"wait" jsonschema:"let time pass"`
}

type doTimeouts struct {
	Timeouts timeouts `json:"timeouts" jsonschema:"the idle timeouts of flows from now on"`
}

type doLoose struct {
	Loose boolean `json:"tcp_loose" jsonschema:"whether conntrack picks up TCP connections mid-stream from now on"`
}

type doACL struct {
	ACL acl  `json:"acl" jsonschema:"attach a network ACL to a host, or remove it: off"`
	On  name `json:"on" jsonschema:"the host"`
}

type doPrefixList struct {
	PrefixList name       `json:"prefix_list" jsonschema:"change the entries of this prefix list"`
	Remove     some[word] `json:"remove,omitempty" jsonschema:"the ranges to remove, before the others are added"`
	Add        some[word] `json:"add,omitempty" jsonschema:"the ranges to add"`
}

type doExec struct {
	Exec []arg  `json:"exec" jsonschema:"run a program with these arguments and wait for it to end"`
	On   name   `json:"on" jsonschema:"on this host"`
	Exit number `json:"exit,omitempty" jsonschema:"the expected exit code; by default 0"`
}

type doForge struct {
	Forge forged `json:"forge" jsonschema:"send one packet whose source is not the host's own address"`
	On    name   `json:"on" jsonschema:"the host that sends it"`
}

type forged struct {
	Place
	UDP        name   `json:"udp" jsonschema:"a UDP datagram to this host"`
	Port       number `json:"port" jsonschema:"the destination port"`
	From       name   `json:"from" jsonschema:"the host whose address is the source"`
	SourcePort number `json:"source_port" jsonschema:"the source port"`
}

type aclRules struct {
	Place
	Ingress []aclRule `json:"ingress,omitempty" jsonschema:"the inbound rules"`
	Egress  []aclRule `json:"egress,omitempty" jsonschema:"the outbound rules"`
}

type aclRule struct {
	Place
	Rule  number `json:"rule" jsonschema:"the rule's number: the lowest is checked first"`
	Allow word   `json:"allow,omitempty" jsonschema:"the protocol that is allowed: tcp, udp, icmp, icmpv6, all or a number"`
	Deny  word   `json:"deny,omitempty" jsonschema:"the protocol that is denied"`
	Port  word   `json:"port,omitempty" jsonschema:"for TCP and UDP: a port, a range such as 1024-65535, or all"`
	Type  word   `json:"type,omitempty" jsonschema:"for ICMP: a number, or all"`
	Code  word   `json:"code,omitempty" jsonschema:"for ICMP: a number, or all"`
	CIDR  word   `json:"cidr" jsonschema:"an address range"`
}

type timeoutsMap struct {
	Profile        word `json:"profile,omitempty" jsonschema:"the profile for all timeouts not given here; by default nitro"`
	ICMP           span `json:"icmp,omitempty" jsonschema:"of ICMP"`
	TCPEstablished span `json:"tcp_established,omitempty" jsonschema:"of established TCP connections"`
	UDP            span `json:"udp,omitempty" jsonschema:"of UDP with one-way traffic, or a single request and response"`
	UDPStream      span `json:"udp_stream,omitempty" jsonschema:"of UDP with more traffic than that"`
	Other          span `json:"other,omitempty" jsonschema:"of other protocols"`
}

type cutMap struct {
	Stream     name `json:"stream,omitempty" jsonschema:"the entries of this stream"`
	AdmittedBy name `json:"admitted_by,omitempty" jsonschema:"the entries that this rule admitted"`
}

// A predicted is a prediction about a stream or a host.
type predicted struct {
	Place
	Replied amount  `json:"replied,omitempty" jsonschema:"for a stream: how many packets are answered"`
	Refused amount  `json:"refused,omitempty" jsonschema:"for a stream: how many packets, or their replies, are dropped; for TCP, attempts to connect"`
	Stalled word    `json:"stalled,omitempty" jsonschema:"for a TCP stream: the connection is open, but nothing gets through"`
	Reset   word    `json:"reset,omitempty" jsonschema:"for a stream: the sender is told that the port is closed"`
	First   number  `json:"first,omitempty" jsonschema:"for a stream: the number of its first answered packet"`
	By      ruleID  `json:"by,omitempty" jsonschema:"for a stream: what decides on its packets where they arrive: a rule id, established or default-deny"`
	Tracked boolean `json:"tracked,omitempty" jsonschema:"for a stream: whether the flow is tracked where it arrives"`

	Flow       name         `json:"flow,omitempty" jsonschema:"for a host: it has a conntrack entry for this stream"`
	AdmittedBy ruleID       `json:"admitted_by,omitempty" jsonschema:"for a flow: the rule that admitted it"`
	ReleasedBy name         `json:"released_by,omitempty" jsonschema:"for a flow that the host forwards: the outbound rule that let it leave"`
	NoFlow     name         `json:"no_flow,omitempty" jsonschema:"for a host: it has no conntrack entry for this stream"`
	Hit        some[ruleID] `json:"hit,omitempty" jsonschema:"for a host: these rules accept packets during the experiment; of its own ruleset, also drop"`
	Never      some[ruleID] `json:"never,omitempty" jsonschema:"for a host: these rules have never accepted a packet; of its own ruleset, nor dropped one"`
}
