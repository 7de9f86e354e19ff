package lab

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"lablab/enforce"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/packet"
	"lablab/pinger"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
)

// The addresses used by the trials: documentation prefixes (RFC 5737, RFC 3849).
var (
	doctorsNet  = netip.MustParsePrefix("192.0.2.0/24")
	doctorsNet6 = netip.MustParsePrefix("2001:db8::/64")
)

func newDoctorsHost(name string, net netip.Prefix, number byte) *Host {
	address := net.Addr().AsSlice()
	address[len(address)-1] = number
	ip, _ := netip.AddrFromSlice(address)
	return &Host{Host: scenario.Host{Name: name, Address: netip.PrefixFrom(ip, net.Bits())}}
}

// tryNamespace creates the two hosts.
func (e *examination) tryNamespace(context.Context) (Finding, error) {
	e.a, e.b = newDoctorsHost("A", doctorsNet, 1), newDoctorsHost("B", doctorsNet, 2)
	return found("created two, with settings of their own"), e.prepare(e.a, e.b)
}

// prepare creates the namespaces of hosts.
func (e *examination) prepare(hosts ...*Host) error {
	e.hosts = append(e.hosts, hosts...)
	err := each(hosts, prepare)
	if err == nil {
		return nil
	}
	explained := unableTo(buildLab, err)
	var unable *Unable
	if !errors.As(explained, &unable) && errors.Is(err, fs.ErrNotExist) {
		return &Unable{Lacks: say.F("this kernel has no IPv6 (CONFIG_IPV6), or was started with ipv6.disable=1"), Hint: say.F("remove ipv6.disable=1 from the kernel's command line"), Err: err}
	}
	return explained
}

func (e *examination) tryVeth(ctx context.Context) (Finding, error) {
	return found("a pair connects them, with carrier"), join(ctx, e.a, e.b)
}

// tryTables tries every nftables expression that rulesets use. Each one gets a finding of its own.
func (e *examination) tryTables(context.Context) (f Finding, err error) {
	if e.lacking, err = nft.TryExpressions(e.a.ns, nft.Expressions()); err != nil {
		return f, unableTo(installRules, err)
	}
	return found("tables and chains for IPv4 and IPv6 (inet)"), nil
}

// hasExpression returns the result for the i-th expression.
func (e *examination) hasExpression(x nft.Expression, i int) (Finding, error) {
	err := e.lacking[i]
	models, failed := modelsWith(x)
	switch only := len(models) > 0; {
	case failed != nil:
		return Finding{}, failed
	case only && nft.Lacks(err):
		return Finding{}, &Unable{Lacks: say.F("this kernel's nf_tables lacks it (%s), so a host cannot have these models: %s", x.Option, say.Names(", ", models...)), Hint: hintOf(x), Err: err}
	case nft.Lacks(err):
		return Finding{}, &Unable{Lacks: say.F("this kernel's nf_tables lacks it (%s)", x.Option), Hint: hintOf(x), Err: err}
	case only:
		return found("works; only these enforcement models need it: %s", say.Names(", ", models...)), err
	}
	return found("works"), err
}

// modelsWith returns the enforcement models that need an expression, or none if the default model
// does.
func modelsWith(x nft.Expression) (names []string, err error) {
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	open := sg.Rule{ID: "open", Protocol: packet.TCP, From: 22, To: 22, Peer: everywhere} // not tracked under EC2's
	all := sg.Rule{ID: "all", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: everywhere}
	narrow := sg.Rule{ID: "narrow", Protocol: packet.TCP, From: 80, To: 80, Peer: doctorsNet}
	group := &sg.Group{Ingress: []sg.Rule{open, narrow}, Egress: []sg.Rule{all}}
	for _, m := range enforce.Models() {
		tables, err := enforce.Compile(enforce.Host{Account: &sg.Account{}, Groups: []*sg.Group{group}, Model: m})
		if err != nil {
			return nil, err
		}
		switch uses := x.UsedIn(tables); {
		case uses && m == enforce.Default():
			return nil, nil
		case uses:
			names = append(names, m.Traits().Name)
		}
	}
	return names, nil
}

// tryRuleset enforces a group on both hosts that allows ping in and everything out.
func (e *examination) tryRuleset(context.Context) (Finding, error) {
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	group := &sg.Group{
		Ingress: []sg.Rule{{ID: "ping", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: doctorsNet}},
		Egress:  []sg.Rule{{ID: "all", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: everywhere}},
	}
	number := uint32(doctorsRule - 1)
	tables, err := enforce.Compile(enforce.Host{Account: &sg.Account{}, Groups: []*sg.Group{group}, Number: func(*sg.Group, sg.Rule) uint32 { number++; return number }})
	if err != nil {
		return Finding{}, err
	}
	for _, h := range []*Host{e.a, e.b} {
		if h.rules, err = nft.Install(h.ns, tables); err != nil {
			return Finding{}, unableTo(installRules, err)
		}
	}
	return found("a security group's rules are in force on both"), nil
}

// doctorsRule is the number of the rule that allows the ping.
const doctorsRule = 1001

func (e *examination) tryConntrack(context.Context) (Finding, error) {
	for _, h := range []*Host{e.a, e.b} {
		if err := conntrack.Configure(h.ns, conntrack.Settings{Timeouts: sg.Nitro()}); err != nil {
			return Finding{}, unableTo(armConntrack, err)
		}
	}
	return found("accounting, timestamps and events work, with EC2's timeouts"), nil
}

func (e *examination) tryConntrackNetlink(context.Context) (f Finding, err error) {
	if e.a.conntrack, err = conntrack.OpenTable(e.a.ns); err == nil {
		_, err = e.a.conntrack.Dump()
	}
	if err != nil {
		return f, unableTo(dumpEntries, err)
	}
	const few = 100 // a large scenario's entries
	if _, room, err := e.a.conntrack.Dropped(); err == nil && room > 0 && room < few {
		return degraded(moreEntries(), "entries can be listed, but there is room for %d only (nf_conntrack_max)", room), nil
	}
	return found("entries can be listed"), nil
}

// tryPing sends one echo request while the trace, the conntrack table and its events are open.
func (e *examination) tryPing(ctx context.Context) (f Finding, err error) {
	for _, h := range []*Host{e.a, e.b} {
		trace, err := h.rules.Trace()
		if err != nil {
			e.traceErr = unableTo(openTrace, err)
			break
		}
		e.traces = append(e.traces, trace)
	}
	if e.events, err = conntrack.OpenWatch(e.a.ns); err != nil {
		e.eventErr = unableTo(openEvents, err)
	}
	rtt, err := e.ping(ctx, e.b, e.a)
	if err != nil {
		return f, errors.Join(full(e.a, e.b), err)
	}
	return found("an echo request of B was answered by A in %.2f ms", rtt.Seconds()*1000), nil
}

// ping sends one echo request and returns its round-trip time.
func (e *examination) ping(ctx context.Context, from, to *Host) (time.Duration, error) {
	config := pinger.Ping{Target: to.Address.Addr(), EchoID: doctorsEcho, Size: 56, Interval: time.Millisecond, Observe: func(pinger.Probe) {}}
	s, err := config.Start(ctx, from.ns, 1)
	if err != nil {
		return 0, unableTo(openICMP, err)
	}
	e.streams = append(e.streams, s)
	err = s.Settle(ctx)
	s.End()
	if err != nil {
		return 0, err
	}
	switch p := s.Probes()[0]; {
	case p.Fate == pinger.Replied:
		return p.RTT, nil
	case p.Err != nil:
		return 0, say.Errorf("send echo request: %w", p.Err)
	}
	return 0, say.Errorf("await echo reply: no reply within %s", pinger.Patience)
}

// doctorsEcho is the id of the echo requests.
const doctorsEcho = 1001

// tryIPv6 connects two more hosts: IPv6 is disabled in the first two.
func (e *examination) tryIPv6(ctx context.Context) (f Finding, err error) {
	a, b := newDoctorsHost("A6", doctorsNet6, 1), newDoctorsHost("B6", doctorsNet6, 2)
	if err := e.prepare(a, b); err != nil {
		return f, err
	}
	return e.pingOver6(ctx, a, b)
}

func (e *examination) pingOver6(ctx context.Context, a, b *Host) (f Finding, err error) {
	err = join(ctx, a, b)
	if errors.Is(err, unix.EACCES) {
		return f, &Unable{Lacks: say.F("IPv6 is switched off in new network namespaces (disable_ipv6=1)"), Hint: say.F("give them their own settings: sudo sysctl net.core.devconf_inherit_init_net=0"), Err: err}
	}
	if err != nil {
		return f, err
	}
	for _, h := range []*Host{a, b} {
		if err := awaitAddresses(ctx, h); err != nil {
			return f, err
		}
	}
	_, err = e.ping(ctx, b, a)
	return found("a ping was answered"), err
}

// tryBridge builds a lab of three hosts, which needs a bridge.
func (e *examination) tryBridge(ctx context.Context) (f Finding, err error) {
	l := &Lab{}
	for i, name := range []string{"A3", "B3", "C3"} {
		l.hosts = append(l.hosts, newDoctorsHost(name, doctorsNet, byte(i+11)))
	}
	if err := e.prepare(l.hosts...); err != nil {
		return f, err
	}
	err = l.connect(ctx)
	if e.middle = l.middle; err == nil {
		_, err = e.ping(ctx, l.hosts[2], l.hosts[0])
	}
	return found("it connected three hosts, and a ping was answered"), err
}
