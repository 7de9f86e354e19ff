package scenario

// The types below are a scenario as it is written. Their tags are its keys, and
// what an editor says of them (see Schema); what is "omitempty" may be left out.

type file struct {
	Place
	Name        name          `json:"name" jsonschema:"what the scenario is called: letters, digits, - and _"`
	Title       line          `json:"title" jsonschema:"what it shows, in one line"`
	Question    text          `json:"question,omitempty" jsonschema:"what it asks of whoever plays it, before it is played"`
	Interval    span          `json:"interval,omitempty" jsonschema:"the time between two packets of a stream, as 20ms"`
	Timeouts    timeouts      `json:"timeouts,omitempty" jsonschema:"how long idle flows are remembered"`
	TCPLoose    boolean       `json:"tcp_loose,omitempty" jsonschema:"whether conntrack takes up TCP connections in the middle, as Linux does and EC2 does not"`
	Related     word          `json:"related,omitempty" jsonschema:"which ICMP errors about known flows pass without a rule"`
	Hosts       named[host]   `json:"hosts" jsonschema:"two to sixteen hosts in one network, by their names"`
	Groups      named[group]  `json:"groups" jsonschema:"the security groups, by their names"`
	PrefixLists named[ranges] `json:"prefix_lists,omitempty" jsonschema:"named sets of address ranges"`
	Experiments []experiment  `json:"experiments" jsonschema:"what is done, one after another; streams go on from one to the next"`
}

type host struct {
	Place
	Address       word    `json:"address" jsonschema:"the host's address with the length of its network's prefix, as 10.255.1.10/16"`
	Groups        []name  `json:"groups,omitempty" jsonschema:"the security groups that it carries"`
	AlwaysTracked boolean `json:"always_tracked,omitempty" jsonschema:"all its flows are tracked, as those through a load balancer are"`
}

// A group has rules here, or is one of a file.
type group struct {
	Place
	File    some[line] `json:"file,omitempty" jsonschema:"what aws ec2 describe-security-groups wrote, with the files it refers to; relative to this one"`
	ID      name       `json:"id,omitempty" jsonschema:"the id of the group in that file"`
	Ingress []rule     `json:"ingress,omitempty" jsonschema:"what may come in"`
	Egress  []rule     `json:"egress,omitempty" jsonschema:"what may go out"`
}

type rule struct {
	Place
	ID          name `json:"id,omitempty" jsonschema:"what the rule is called here; in-1, in-2, out-1 and so on if it is left out"`
	Protocol    word `json:"protocol" jsonschema:"tcp, udp, icmp, icmpv6, all or a number"`
	Port        word `json:"port,omitempty" jsonschema:"of TCP and UDP: a port, a range as 22-25, or all"`
	Type        word `json:"type,omitempty" jsonschema:"of ICMP: a number, or all"`
	Code        word `json:"code,omitempty" jsonschema:"of ICMP: a number, or all"`
	CIDR        word `json:"cidr,omitempty" jsonschema:"the peer: a range of addresses"`
	SourceGroup name `json:"source_group,omitempty" jsonschema:"the peer: whoever carries this group"`
	PrefixList  name `json:"prefix_list,omitempty" jsonschema:"the peer: the ranges of this prefix list"`
	Description line `json:"description,omitempty" jsonschema:"for people"`
}

type ranges []word

type experiment struct {
	Place
	Title  line                    `json:"title" jsonschema:"what is done, in one line"`
	Do     []action                `json:"do,omitempty" jsonschema:"what is done, one after another, before the packets"`
	For    number                  `json:"for,omitempty" jsonschema:"how many packets of each stream are let pass"`
	Within span                    `json:"within,omitempty" jsonschema:"how long it may take"`
	Expect named[some[prediction]] `json:"expect,omitempty" jsonschema:"what will become of streams and hosts, by their names"`
}

type doPing struct {
	Ping name   `json:"ping" jsonschema:"start a ping to this host"`
	From name   `json:"from" jsonschema:"the host that pings"`
	As   name   `json:"as" jsonschema:"what the stream is called"`
	ID   number `json:"id,omitempty" jsonschema:"the ICMP id; one of its own if it is left out"`
	Size number `json:"size,omitempty" jsonschema:"bytes of payload"`
}

type doTCP struct {
	TCP name `json:"tcp" jsonschema:"connect to this host, and let it echo a message a tick"`
	doFlow
}

type doUDP struct {
	UDP name `json:"udp" jsonschema:"send datagrams to this host, which echoes them"`
	doFlow
}

type doFlow struct {
	Port       number  `json:"port" jsonschema:"the destination port"`
	From       name    `json:"from" jsonschema:"the host that begins"`
	As         name    `json:"as" jsonschema:"what the stream is called"`
	SourcePort number  `json:"source_port,omitempty" jsonschema:"one of its own if it is left out"`
	Size       number  `json:"size,omitempty" jsonschema:"bytes of each message"`
	Unserved   boolean `json:"unserved,omitempty" jsonschema:"whether nobody listens at the port"`
}

type doStop struct {
	Stop name `json:"stop" jsonschema:"stop this stream"`
}

type doRestart struct {
	Restart name    `json:"restart" jsonschema:"stop this stream and start one like it"`
	As      name    `json:"as" jsonschema:"what the new stream is called"`
	Same    boolean `json:"same,omitempty" jsonschema:"with the same ICMP id or source port: the same flow for conntrack"`
}

type doAuthorize struct {
	Authorize some[ruleOrID] `json:"authorize" jsonschema:"add rules, or those with these ids that were revoked"`
	Group     name           `json:"group" jsonschema:"to this group"`
	Direction word           `json:"direction,omitempty" jsonschema:"ingress if it is left out"`
}

type doRevoke struct {
	Revoke    some[ruleOrID] `json:"revoke" jsonschema:"remove rules, by their ids or by what they say"`
	Group     name           `json:"group" jsonschema:"from this group"`
	Direction word           `json:"direction,omitempty" jsonschema:"of rules by what they say: ingress if it is left out"`
}

type doGroups struct {
	Groups []name `json:"groups" jsonschema:"the groups that the host carries from now on; [] for none"`
	Of     name   `json:"of" jsonschema:"the host"`
}

type doCut struct {
	Cut cut  `json:"cut" jsonschema:"delete conntrack entries: of a stream, of those that a rule admitted, or all"`
	On  name `json:"on,omitempty" jsonschema:"on this host; on all if it is left out"`
}

type doWait struct {
	Wait span `json:"wait" jsonschema:"let time go by"`
}

type doTimeouts struct {
	Timeouts timeouts `json:"timeouts" jsonschema:"how long idle flows are remembered from now on"`
}

type doLoose struct {
	Loose boolean `json:"tcp_loose" jsonschema:"whether conntrack takes up TCP connections in the middle from now on"`
}

type doACL struct {
	ACL acl  `json:"acl" jsonschema:"put a network ACL before a host, or take it away: off"`
	On  name `json:"on" jsonschema:"the host"`
}

type doExec struct {
	Exec []arg  `json:"exec" jsonschema:"run a program with these arguments and wait for its end"`
	On   name   `json:"on" jsonschema:"on this host"`
	Exit number `json:"exit,omitempty" jsonschema:"the exit code that is expected; 0 if it is left out"`
}

type aclRules struct {
	Place
	Ingress []aclRule `json:"ingress,omitempty" jsonschema:"what comes in"`
	Egress  []aclRule `json:"egress,omitempty" jsonschema:"what goes out"`
}

type aclRule struct {
	Place
	Rule  number `json:"rule" jsonschema:"its number: the lowest is looked at first"`
	Allow word   `json:"allow,omitempty" jsonschema:"the protocol that is allowed: tcp, udp, icmp, icmpv6, all or a number"`
	Deny  word   `json:"deny,omitempty" jsonschema:"the protocol that is denied"`
	Port  word   `json:"port,omitempty" jsonschema:"of TCP and UDP: a port, a range as 1024-65535, or all"`
	Type  word   `json:"type,omitempty" jsonschema:"of ICMP: a number, or all"`
	Code  word   `json:"code,omitempty" jsonschema:"of ICMP: a number, or all"`
	CIDR  word   `json:"cidr" jsonschema:"a range of addresses"`
}

type timeoutsMap struct {
	Profile        word `json:"profile,omitempty" jsonschema:"what holds where nothing else is said; nitro if it is left out"`
	ICMP           span `json:"icmp,omitempty" jsonschema:"of ICMP"`
	TCPEstablished span `json:"tcp_established,omitempty" jsonschema:"of established TCP connections"`
	UDP            span `json:"udp,omitempty" jsonschema:"of UDP with traffic in one direction, or a request and its response"`
	UDPStream      span `json:"udp_stream,omitempty" jsonschema:"of UDP with more than that"`
	Other          span `json:"other,omitempty" jsonschema:"of other protocols"`
}

type cutMap struct {
	Stream     name `json:"stream,omitempty" jsonschema:"the entries of this stream"`
	AdmittedBy name `json:"admitted_by,omitempty" jsonschema:"the entries of flows that this rule admitted"`
}

// A predicted is what is predicted of a stream, or of a host.
type predicted struct {
	Place
	Replied amount  `json:"replied,omitempty" jsonschema:"of a stream: how many of its packets are answered"`
	Refused amount  `json:"refused,omitempty" jsonschema:"of a stream: how many of its packets are seen to be dropped; with TCP, attempts to connect"`
	Stalled word    `json:"stalled,omitempty" jsonschema:"of a TCP stream: the connection is there, and nothing gets through it"`
	Reset   word    `json:"reset,omitempty" jsonschema:"of a stream: it is told that nobody listens"`
	First   number  `json:"first,omitempty" jsonschema:"of a stream: its first packet that is answered, counted from its beginning"`
	By      name    `json:"by,omitempty" jsonschema:"of a stream: the rule that judges its packets where they arrive: an id, established or default-deny"`
	Tracked boolean `json:"tracked,omitempty" jsonschema:"of a stream: whether conntrack knows the flow where it arrives"`

	Flow       name       `json:"flow,omitempty" jsonschema:"of a host: it has a conntrack entry of this stream"`
	AdmittedBy name       `json:"admitted_by,omitempty" jsonschema:"of a flow: the rule that let it in"`
	NoFlow     name       `json:"no_flow,omitempty" jsonschema:"of a host: it has no conntrack entry of this stream"`
	Hit        some[name] `json:"hit,omitempty" jsonschema:"of a host: these rules accept something during the experiment"`
	Never      some[name] `json:"never,omitempty" jsonschema:"of a host: these rules have never accepted anything"`
}
