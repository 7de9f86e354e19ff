package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"lablab/enforce"
	"lablab/lab"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// exitDisagree says that the kernel did not do what was predicted.
const exitDisagree = 5

// probeFlags are the flags of `lablab probe`.
type probeFlags struct {
	groups, interfaces, prefixLists, ids []string
	address, batch, format, rootless     string
	related, model                       string
	packet                               packetLine
	protocol                             string
	port, sourcePort, kind, code         int
	strict                               bool
}

// A packetLine is one packet of a batch file, which is in JSON Lines.
type packetLine struct {
	From       string    `json:"from"`
	To         string    `json:"to"`
	Protocol   protoName `json:"protocol"`
	Port       *int      `json:"port"`
	SourcePort *int      `json:"source_port"`
	Type       *int      `json:"type"`
	Code       *int      `json:"code"`
	Egress     bool      `json:"egress"`
	Forward    bool      `json:"forward"`
	State      string    `json:"state"`
}

// A protoName is a protocol's name or number, as a JSON string or number.
type protoName string

// UnmarshalJSON accepts a string or a number.
func (p *protoName) UnmarshalJSON(b []byte) error {
	if n, err := strconv.Atoi(string(b)); err == nil {
		*p = protoName(strconv.Itoa(n))
		return nil
	}
	return json.Unmarshal(b, (*string)(p))
}

// An answer is the output about one packet.
type answer struct {
	// Verdict is accept, drop, or unknown if a rule that was left out might admit the packet. It is
	// null if the kernel could not be queried.
	Verdict *string `json:"verdict"`
	Rule    string  `json:"rule,omitempty"`
	Group   *string `json:"group"`
	// ReleasedBy is the outbound rule that let a packet leave that passes through the host, or
	// default-deny. It is empty if the packet was dropped on arrival; Rule is about that.
	ReleasedBy    string  `json:"released_by,omitempty"`
	ReleasedGroup *string `json:"released_group,omitempty"`
	State         string  `json:"state,omitempty"` // conntrack's
	// Tracked is whether the kernel tracks the flow under EC2's documented rule; null if the packet
	// was not accepted, or if a rule was left out that decides. A packet that begins no flow, such as
	// one whose state is invalid, is not tracked.
	Tracked   *bool  `json:"tracked"`
	Predicted string `json:"predicted"`
	// EndsWith are the rules that must all be revoked to end an untracked flow.
	EndsWith []string `json:"ends_with,omitempty"`
	// Doubts are the rules that were left out and might allow the packet, if the verdict is unknown
	// or the flow untracked.
	Doubts []sg.Finding `json:"doubts,omitempty"`
	// Nearest are the rules that do not allow the packet only because its peer is a public address.
	Nearest []sg.Finding `json:"nearest,omitempty"`
	// Disagrees reports whether the kernel tracks the flow although the prediction said otherwise,
	// or the reverse.
	Disagrees bool   `json:"tracked_otherwise_than_predicted,omitempty"`
	Error     string `json:"error,omitempty"`
}

func newProbe(env Env, code *int) *cobra.Command {
	var f probeFlags
	c := &cobra.Command{
		Use:   "probe --groups FILE --from ADDRESS --protocol NAME [--port N]",
		Short: "Send one packet through the kernel and see which rule allows it",
		Long: `Probe builds a host with the given groups, sends it exactly this packet, and reports what
the kernel did: accepted or dropped, and by which rule. Next to it stands what the groups
alone predict. It also reports whether EC2 would track the flow, by its documented rules:
a tracked flow outlives the rule that admitted it.

The packet arrives at the host; with --egress it leaves the host. With --forward it passes
through the host, such as a router or NAT instance whose source/destination check is off:
it is checked against the inbound rules on arrival and the outbound rules on departure.

The packet is the first of its flow. With --state, conntrack has an entry for its flow before
it comes, and the flow has been answered. The packet goes the way of the flow's first packet
(established), or the other way (reply); or it is an ICMP error about such a flow (related);
or EC2 would not track the flow (untracked), so the rules decide on each of its packets. An
invalid packet can begin no flow, such as one in the middle of an unknown TCP connection.

With --batch, probe reads packets from a file, one JSON object per line, and writes an
answer for each:

  {"from":"203.0.113.7","protocol":"tcp","port":443}

Where a rule was left out, such as a group whose members were not read, a packet that it
might allow is not dropped for certain: the verdict is "unknown", with the reason, unless
another rule allows the packet.

Exit code 0: accepted. 1: dropped. 3: the kernel could not be tested, so there is no
answer. 5: kernel and prediction disagree. 6: unknown. For a batch the first of 5, 3 and
6 that applies to a packet, or 0.`,
		Example: `  lablab probe --groups groups.json --group sg-0a1 --from 203.0.113.7 --protocol tcp --port 443
  lablab probe --groups groups.json --group sg-0a1 --from 10.255.1.10 --protocol icmp
  lablab probe --groups groups.json --group sg-0a1 --egress --to 8.8.8.8 --protocol udp --port 53
  lablab probe --groups groups.json --forward --from 10.255.1.10 --to 8.8.8.8 --protocol icmp
  lablab probe --groups groups.json --state reply --from 10.255.1.10 --protocol icmp
  lablab probe --groups groups.json --interfaces nics.json --group sg-0a2 --batch packets.jsonl`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.set(c); err != nil {
				return err
			}
			var err error
			*code, err = probe(env, f)
			return err
		},
	}
	flags := c.Flags()
	flags.StringArrayVar(&f.groups, "groups", nil, "`FILE` from aws ec2 describe-security-groups or -security-group-rules; may be repeated")
	flags.StringArrayVar(&f.ids, "group", nil, "`ID` of a group of the host; may be repeated (required if several)")
	flags.StringArrayVar(&f.interfaces, "interfaces", nil, "`FILE` from aws ec2 describe-network-interfaces")
	flags.StringArrayVar(&f.prefixLists, "prefix-lists", nil, "`FILE` with prefix lists or their entries")
	flags.StringVar(&f.packet.From, "from", "", "source `ADDRESS`; with --egress, the host's own by default")
	flags.StringVar(&f.packet.To, "to", "", "destination `ADDRESS`; without --egress, the host's own by default")
	flags.StringVar(&f.protocol, "protocol", "", "tcp, udp, icmp, icmpv6 or a protocol number")
	flags.IntVar(&f.port, "port", 0, "TCP or UDP destination port")
	flags.IntVar(&f.sourcePort, "source-port", 0, "TCP or UDP source port")
	flags.IntVar(&f.kind, "type", 0, "ICMP type (default: echo request)")
	flags.IntVar(&f.code, "code", 0, "ICMP code")
	flags.BoolVar(&f.packet.Egress, "egress", false, "test a packet that leaves the host")
	flags.BoolVar(&f.packet.Forward, "forward", false, "test a packet that the host forwards, from --from to --to")
	flags.StringVar(&f.packet.State, "state", "", "test a packet of a flow that conntrack knows: `STATE` established, reply, related, untracked; or invalid")
	flags.StringVar(&f.model, "model", "", "enforcement `MODEL` of the host, if not EC2's: see lablab models")
	flags.StringVar(&f.address, "address", "", "the host's own `ADDRESS` (default: 10.255.1.197 or fd00:10:255:1::197)")
	flags.StringVar(&f.batch, "batch", "", "read packets from `FILE`; - for standard input")
	flags.StringVar(&f.format, "format", "text", "output format for a single packet: text or json")
	flags.StringVar(&f.related, "related", "off", relatedUsage)
	flags.BoolVar(&f.strict, "strict", false, strictUsage)
	flags.StringVar(&f.rootless, "rootless", "auto", "use a user namespace: auto (when not root), always, never")
	return c
}

// set takes the flags that were given; the others stay nil.
func (f *probeFlags) set(c *cobra.Command) error {
	if f.batch != "" {
		for _, name := range []string{"from", "to", "protocol", "port", "source-port", "type", "code", "egress", "forward", "state", "format"} {
			if c.Flags().Changed(name) {
				return &usageError{say.Errorf("--%s cannot be combined with --batch, which reads its packets from the file", name), say.F("drop one of them")}
			}
		}
	}
	f.packet.Protocol = protoName(f.protocol)
	for name, to := range map[string]struct {
		value *int
		field **int
	}{"port": {&f.port, &f.packet.Port}, "source-port": {&f.sourcePort, &f.packet.SourcePort}, "type": {&f.kind, &f.packet.Type}, "code": {&f.code, &f.packet.Code}} {
		if c.Flags().Changed(name) {
			*to.field = to.value
		}
	}
	return nil
}

// A question is what to ask the kernel.
type question struct {
	account *sg.Account
	groups  []*sg.Group
	index   *sg.Index
	own     map[bool]netip.Addr // the host's own address, by whether it is IPv6
	// untracked lists what EC2 would not track.
	untracked []sg.Untracked
	host      enforce.Host
	rules     enforce.Policy // what they say; nil until it is asked
	packet    *lab.Probe     // nil for a batch
}

// question reads the files and checks the flags before anything is built.
func (f *probeFlags) question() (*question, error) {
	if err := errors.Join(oneOf("--format", f.format, "text", "json"), oneOf("--rootless", f.rootless, "auto", "always", "never")); err != nil {
		return nil, err
	}
	if len(f.groups) == 0 {
		return nil, &usageError{say.New("--groups is required"), say.F("lablab probe --groups groups.json --from 203.0.113.7 --protocol tcp --port 443")}
	}
	q := &question{own: map[bool]netip.Addr{false: hostAddress(false), true: hostAddress(true)}}
	var err error
	if q.account, err = readAccount(append(append(append([]string{}, f.groups...), f.interfaces...), f.prefixLists...), f.strict); err != nil {
		return nil, err
	}
	if len(f.ids) == 0 && len(q.account.Groups) != 1 {
		return nil, &usageError{say.Errorf("there are %d groups: which ones does the host have?", len(q.account.Groups)), say.F("choose one or more: --group ID")}
	}
	if q.groups, err = chosen(q.account, f.ids); err != nil {
		return nil, err
	}
	q.index = q.account.Index(q.groups)
	related, err := relatedOf(f.related)
	if err != nil {
		return nil, err
	}
	q.host = enforce.Host{Account: q.account, Groups: q.groups, Related: related, Model: enforce.Default()}
	if f.model != "" {
		model, err := modelOf("--model", f.model)
		if err != nil {
			return nil, err
		}
		q.host.Model = model.Model
	}
	q.untracked = sg.UntrackedBy(q.groups)
	if f.address != "" {
		own, err := netip.ParseAddr(f.address)
		if err != nil || own.Zone() != "" || own.Is4In6() {
			return nil, &usageError{say.Errorf("--address %q is not an IP address", f.address), say.F("for example 10.255.1.197")}
		}
		q.own[own.Is6()] = own
	}
	if f.batch != "" {
		return q, nil
	}
	packet, err := q.probe(f.packet)
	if err != nil {
		return nil, &usageError{err, say.F("see lablab probe --help")}
	}
	q.packet = &packet
	return q, nil
}

// line parses one line of a batch.
func (q *question) line(text []byte) (lab.Probe, error) {
	var line packetLine
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&line); err != nil {
		return lab.Probe{}, say.Errorf("not a packet: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return lab.Probe{}, say.New("not a packet: unexpected text after it")
	}
	if name := twice(text); name != "" {
		return lab.Probe{}, say.Errorf("not a packet: %q is given twice", name)
	}
	return q.probe(line)
}

// twice returns a member that a flat JSON object has twice, or "".
func twice(object []byte) string {
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(object))
	_, _ = d.Token() // the brace
	for d.More() {
		token, err := d.Token()
		name, is := token.(string)
		if err != nil || !is {
			return ""
		}
		name = strings.ToLower(name) // as they are read
		if seen[name] {
			return name
		}
		seen[name] = true
		_, _ = d.Token() // its value
	}
	return ""
}

// probe builds a packet from its description.
func (q *question) probe(line packetLine) (lab.Probe, error) {
	b := lab.Probe{Egress: line.Egress, Forward: line.Forward, SourcePort: usualSourcePort, Known: lab.Known(line.State)}
	if line.State == string(packet.New) {
		b.Known = lab.Unknown
	}
	if b.Known != lab.Unknown && !slices.Contains(lab.Knowns(), b.Known) {
		return b, say.Errorf("unknown state %q: expected new, established, reply, related, invalid or untracked", line.State)
	}
	protocol, known := packet.ParseProtocol(string(line.Protocol))
	if !known || protocol == packet.All {
		return b, say.Errorf("unknown protocol %q: expected tcp, udp, icmp, icmpv6 or a number from 0 to 255", line.Protocol)
	}
	b.Protocol = protocol
	// RFC 8200: hop-by-hop options, routing, fragment and destination options.
	extension := slices.Contains([]packet.Protocol{0, 43, 44, 60}, protocol)
	peer, own, name := line.From, line.To, "from"
	switch {
	case line.Egress && line.Forward:
		return b, say.New("a packet either leaves the host or passes through it: --egress and --forward exclude each other")
	case line.Egress:
		peer, own, name = line.To, line.From, "to"
	case line.Forward && own == "":
		return b, say.New("a packet that passes through the host needs both from and to")
	}
	address, err := netip.ParseAddr(peer)
	if err != nil || address.Zone() != "" || address.Is4In6() {
		return b, say.Errorf("%s %q is not an IP address", name, peer)
	}
	if extension && address.Is6() {
		return b, say.Errorf("protocol %s is an IPv6 extension header, not a protocol of its own", protocol)
	}
	b.From, b.To = address, q.own[address.Is6()]
	if own != "" {
		if b.To, err = netip.ParseAddr(own); err != nil || b.To.Is6() != address.Is6() || b.To.Zone() != "" {
			return b, say.Errorf("%q and %s are of different IP versions", own, address)
		}
	}
	if line.Egress {
		b.From, b.To = b.To, b.From
	}
	if err := ports(&b, line); err != nil {
		return b, err
	}
	return b, q.fits(b)
}

// ports sets the fields that depend on the protocol.
func ports(b *lab.Probe, line packetLine) error {
	const most, mostICMP = 65535, 255
	withPorts, isICMP := b.Protocol == packet.TCP || b.Protocol == packet.UDP, b.Protocol.IsICMP()
	switch {
	case !withPorts && (line.Port != nil || line.SourcePort != nil):
		return say.Errorf("%s packets have no ports", b.Protocol)
	case !isICMP && (line.Type != nil || line.Code != nil):
		return say.Errorf("%s packets have no type or code", b.Protocol)
	}
	switch b.Protocol {
	case packet.TCP, packet.UDP:
		if line.Port == nil {
			return say.Errorf("%s needs a port", b.Protocol)
		}
		port, errPort := within("port", line.Port, 0, most)
		source, errSource := within("source port", line.SourcePort, int(b.SourcePort), most)
		b.Port, b.SourcePort = uint16(port), uint16(source)
		return errors.Join(errPort, errSource)
	case packet.ICMP, packet.ICMPv6:
		kind, errType := within("type", line.Type, usualType(*b), mostICMP)
		code, errCode := within("code", line.Code, 0, mostICMP)
		b.Type, b.Code = uint8(kind), uint8(code)
		return errors.Join(errType, errCode)
	}
	return nil
}

// usualType returns the type of ICMP message that is meant if none was given: an echo request, or the
// reply to one.
func usualType(b lab.Probe) int {
	switch six := b.Protocol == packet.ICMPv6; {
	case b.Known == lab.KnownReply && six:
		return 129
	case b.Known == lab.KnownReply:
		return 0
	case six:
		return 128
	}
	return 8
}

// within returns the given number, or the usual one if none was given. It refuses numbers outside
// the range.
func within(name string, given *int, usual, most int) (int, error) {
	if given == nil {
		return usual, nil
	}
	if *given < 0 || *given > most {
		return 0, say.Errorf("%s %d is out of range: 0 to %d", name, *given, most)
	}
	return *given, nil
}

// impossible says why a packet has no verdict.
func impossible() say.Sentence {
	return say.F("the kernel drops it before any rule is checked: its addresses are impossible")
}

// predict works out what the groups do with a packet: they accept it, drop it, or do so depending on
// rules that were left out. One that passes through the host has to be accepted twice.
func (q *question) predict(b lab.Probe) (predicted string, doubts, nearest []sg.Finding) {
	predicted = "accept"
	d, p := b.Packet()
	if j, admitted := q.index.Judge(d, p); admitted && j.Group == nil {
		return predicted, nil, nil // no group filters it
	}
	if accepted, is := q.judged(b); accepted && is {
		return predicted, nil, nil
	} else if is {
		if doubts = q.index.Doubts(d, p); len(doubts) > 0 {
			return "unknown", doubts, nil
		}
		return "drop", nil, q.index.Nearest(d, p)
	}
	check := func(d packet.Direction, p sg.Packet) {
		if _, admitted := q.index.Judge(d, p); admitted || predicted == "drop" {
			return
		}
		if found := q.index.Doubts(d, p); len(found) > 0 {
			predicted, doubts = "unknown", append(doubts, found...)
			return
		}
		predicted, doubts, nearest = "drop", nil, q.index.Nearest(d, p)
	}
	check(d, p)
	if b.Forward {
		check(packet.Egress, b.Departure())
	}
	return predicted, doubts, nearest
}

// answer compares what the kernel did with the prediction.
func (q *question) answer(b lab.Probe, by lab.Judgement) answer {
	d, p := b.Packet()
	predicted, doubts, nearest := q.predict(b)
	a := answer{Predicted: predicted, Rule: by.Rule, State: string(by.State), ReleasedBy: by.Released}
	if by.Impossible {
		a.Error = impossible().String()
		return a
	}
	verdict := "drop"
	switch {
	case by.Admitted && !q.isEC2(): // whether EC2 would track the flow is not the question
		verdict = "accept"
	case by.Admitted && b.Known != lab.Unknown:
		verdict = "accept"
		tracked := by.State == packet.Established
		a.Tracked = &tracked
		if by.State == packet.Untracked {
			a.EndsWith = q.allowing(d, p)
		}
	case by.Admitted:
		verdict = "accept"
		tracked := by.State == packet.New
		a.Tracked = &tracked
		predicted := b.Forward || !slices.ContainsFunc(q.untracked, func(u sg.Untracked) bool { return u.Covers(d, p) })
		a.Disagrees = by.BeginsFlow(b.Protocol) && tracked != predicted
		if !tracked && by.BeginsFlow(b.Protocol) {
			a.EndsWith = q.allowing(d, p)
		}
		if tracked && !b.Forward && q.account.MayBeUntracked(q.groups, d, p) {
			a.Tracked = nil
		}
		if len(a.EndsWith) > 0 {
			a.Doubts = q.index.Doubts(d, p)
		}
	}
	a.Group, a.ReleasedGroup = q.groupOf(by.Rule), q.groupOf(by.Released)
	switch {
	case verdict == "drop" && predicted == "unknown":
		verdict, a.Rule, a.ReleasedBy, a.Group, a.Doubts = "unknown", "", "", nil, doubts
	case verdict == "drop" && predicted == "drop":
		a.Nearest = nearest
	}
	a.Verdict = &verdict
	return a
}

// allowing returns the rules that allow a packet.
func (q *question) allowing(d packet.Direction, p sg.Packet) (ids []string) {
	for a := range q.index.Allowing(d, p) {
		ids = append(ids, a.Rule.ID)
	}
	return ids
}

// groupOf returns the id of the group that has a rule.
func (q *question) groupOf(rule string) *string {
	if g := q.index.Owner(rule); g != nil {
		return &g.ID
	}
	return nil
}

// exit returns the exit code for an answer.
func (a answer) exit() int {
	switch {
	case a.Verdict == nil:
		return exitUnable
	case *a.Verdict != a.Predicted || a.Disagrees:
		return exitDisagree
	case *a.Verdict == "unknown":
		return exitUnknown
	case *a.Verdict == "drop":
		return exitNotHeld
	}
	return exitHeld
}
