package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/flow"
	"lablab/internal/nstest"
	"lablab/nft"
	"lablab/ns"
	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// allow returns a rule. The tests below check on the kernel, case by case, what AWS documents about
// tracked and untracked flows.

func allow(id string, p packet.Protocol, port int, peer string) sg.Rule {
	return sg.Rule{ID: id, Protocol: p, From: port, To: port, Peer: netip.MustParsePrefix(peer)}
}

// serverAndClient returns a scenario of two hosts with one group each; the client's group allows
// everything out and nothing in.
func serverAndClient(ingress ...sg.Rule) *scenario.Scenario {
	sc := scenario.FourExperiments()
	out := allow("out", packet.All, sg.Any, "0.0.0.0/0")
	sc.Account = &sg.Account{Groups: []*sg.Group{
		{ID: "server", Ingress: ingress, Egress: []sg.Rule{out}},
		{ID: "client", Egress: []sg.Rule{out}},
		{ID: "empty"},
		{ID: "open", Ingress: []sg.Rule{allow("in", packet.All, sg.Any, "0.0.0.0/0")}, Egress: []sg.Rule{out}},
	}}
	sc.Hosts[0].Groups, sc.Hosts[1].Groups = []string{"server"}, []string{"client"}
	return sc
}

// A session is a connection from B to port 22 of A, which echoes.
type session struct {
	t    *testing.T
	conn net.Conn
}

func connectTo(t *testing.T, l *Lab, patience time.Duration) (*session, error) {
	t.Helper()
	var conn net.Conn
	err := l.hosts[1].ns.Do(func() (err error) {
		conn, err = (&net.Dialer{Timeout: patience}).Dial("tcp4", l.hosts[0].Address.Addr().String()+":22")
		return err
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &session{t, conn}, nil
}

// serve echoes at port 22 of A until the test ends. Calling speak makes the server send something
// by itself.
func serve(t *testing.T, l *Lab) (speak func()) {
	t.Helper()
	var listener net.Listener
	err := l.hosts[0].ns.Do(func() (err error) {
		listener, err = net.Listen("tcp4", l.hosts[0].Address.Addr().String()+":22")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	connections := make(chan net.Conn, 8)
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections <- conn
			serving.Go(func() { _, _ = io.Copy(conn, conn) })
			t.Cleanup(func() { _ = conn.Close() })
		}
	})
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	return func() {
		if _, err := (<-connections).Write([]byte("y")); err != nil {
			t.Error(err)
		}
	}
}

// lives reports whether what is sent comes back.
func (s *session) lives(patience time.Duration) bool {
	s.t.Helper()
	if _, err := s.conn.Write([]byte("x")); err != nil {
		s.t.Fatal(err)
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	_, err := s.conn.Read(make([]byte, 64))
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatal(err)
	}
	return err == nil
}

// Long enough for an answer, and for several retransmissions, the first of which comes after 0.2 s.
const (
	soon        = 5 * time.Second
	aWhile      = 900 * time.Millisecond
	noTimeAtAll = 100 * time.Millisecond
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// apply makes changes, one after the other.
func apply(t *testing.T, l *Lab, changes ...sg.Change) {
	t.Helper()
	for _, c := range changes {
		_, err := l.Apply(t.Context(), c)
		must(t, err)
	}
}

func revoke(group string, ids ...string) sg.Change { return sg.Revoke{Group: group, IDs: ids} }

func authorize(group string, d packet.Direction, rules ...sg.Rule) sg.Change {
	return sg.Authorize{Group: group, Direction: d, Rules: rules}
}

func attach(host string, groups ...string) sg.Change {
	return sg.Attach{Interface: host, Groups: groups}
}

func TestTrackedAndUntracked(t *testing.T) {
	nstest.Kernel(t)
	narrow, open := allow("ssh", packet.TCP, 22, "10.255.1.10/32"), allow("ssh", packet.TCP, 22, "0.0.0.0/0")
	for _, test := range []struct {
		name          string
		rule          sg.Rule
		before        sg.Changes // made before connecting
		alwaysTracked bool
		changes       sg.Changes // made one after the other
		cut           bool       // whether the entries are deleted after them
		lives         bool
		newOne        bool // whether another connection can be opened afterwards
	}{
		{name: "a narrow rule is revoked", rule: narrow, changes: sg.Changes{revoke("server", "ssh")}, lives: true},
		{name: "an open rule is revoked", rule: open, changes: sg.Changes{revoke("server", "ssh")}, lives: false},
		{name: "an open rule, but no way out", rule: open, before: sg.Changes{revoke("server", "out")}, changes: sg.Changes{revoke("server", "ssh")}, lives: true},
		{name: "an open rule, behind a load balancer", rule: open, alwaysTracked: true, changes: sg.Changes{revoke("server", "ssh")}, lives: true},
		{name: "other groups", rule: narrow, changes: sg.Changes{attach("A", "empty")}, lives: true},
		{name: "no groups", rule: narrow, changes: sg.Changes{attach("A")}, lives: true},
		{name: "isolated in two steps", rule: narrow, changes: sg.Changes{attach("A", "open"), attach("A", "empty")}, lives: false},
		{name: "the first of these steps", rule: narrow, changes: sg.Changes{attach("A", "open")}, lives: true, newOne: true},
		{name: "an untracked flow and other groups", rule: open, changes: sg.Changes{attach("A", "empty")}, lives: false},
		{name: "another rule that still allows it", rule: open, changes: sg.Changes{
			authorize("server", packet.Ingress, allow("narrow", packet.TCP, 22, "10.255.1.10/32")), revoke("server", "ssh"),
		}, lives: true, newOne: true},
		{name: "an ACL denies", rule: narrow, changes: sg.Changes{sg.SetACL{Interface: "A", ACL: &sg.ACL{}}}, lives: false},
		{name: "an ACL denies and is taken away", rule: narrow, changes: sg.Changes{
			sg.SetACL{Interface: "A", ACL: &sg.ACL{}}, sg.SetACL{Interface: "A"},
		}, lives: true, newOne: true},
		{name: "the entries are deleted", rule: narrow, changes: sg.Changes{revoke("server", "ssh")}, cut: true, lives: false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sc := serverAndClient(test.rule)
			sc.Hosts[0].AlwaysTracked = test.alwaysTracked
			l, _ := build(t, sc)
			apply(t, l, test.before...)
			serve(t, l)
			s, err := connectTo(t, l, soon)
			must(t, err)
			if !s.lives(soon) {
				t.Fatal("the session does not live to begin with")
			}
			entries, err := l.hosts[0].conntrack.Dump()
			must(t, err)
			tracked := false
			for _, e := range entries {
				tracked = tracked || e.Orig.DestinationPort == 22 && !e.Untracked
			}
			if want := sg.Tracked(l.policy.Groups(l.hosts[0].Name), packet.Ingress, sg.Packet{Protocol: packet.TCP, Peer: l.hosts[1].Address.Addr(), To: 22}) || test.alwaysTracked; tracked != want {
				t.Errorf("an entry: %v, want %v", tracked, want)
			}
			apply(t, l, test.changes...)
			if test.cut {
				if n, err := l.Cut("", func(flow.Entry) bool { return true }); err != nil || n < 2 {
					t.Errorf("%d entries cut, %v", n, err)
				}
			}
			patience := soon
			if !test.lives {
				patience = aWhile // the server keeps retransmitting meanwhile
			}
			if s.lives(patience) != test.lives {
				t.Errorf("it lives: %v, want %v", !test.lives, test.lives)
			}
			patience = noTimeAtAll
			if test.newOne {
				patience = soon
			}
			if _, err := connectTo(t, l, patience); (err == nil) != test.newOne {
				t.Errorf("another connection: %v, want one: %v", err, test.newOne)
			}
		})
	}
}

// ICMP is always tracked, so a ping survives even the isolation in two steps.
func TestPingOutlivesIsolation(t *testing.T) {
	t.Parallel()
	sc := serverAndClient(allow("icmp", packet.ICMP, sg.Any, "0.0.0.0/0"))
	sc.Experiments = []scenario.Experiment{
		{Title: "a ping starts", Do: []scenario.Action{scenario.Start{Stream: "1", Protocol: packet.ICMP, From: "B", To: "A"}}, For: 3, Expect: []scenario.Expectation{{Stream: "1", Outcome: scenario.Replied}}},
		{Title: "all is open", Do: []scenario.Action{scenario.Change{Change: attach("A", "open")}}, For: 3, Expect: []scenario.Expectation{{Stream: "1", Outcome: scenario.Replied}}},
		{Title: "nothing is", Do: []scenario.Action{scenario.Change{Change: attach("A", "empty")}, scenario.Start{Stream: "2", Protocol: packet.ICMP, From: "B", To: "A"}}, For: 3,
			Expect: []scenario.Expectation{{Stream: "1", Outcome: scenario.Replied}, {Stream: "2", Outcome: scenario.Refused}}},
	}
	if r := run(t, sc, 2*time.Millisecond); !r.Held {
		t.Errorf("did not hold: %+v", r.Experiments)
	}
}

// A ping that pauses for longer than its conntrack timeout is a new flow, even with the same id.
func TestSilenceLongerThanTheTimeout(t *testing.T) {
	t.Parallel()
	sc := serverAndClient(allow("icmp", packet.ICMP, sg.Any, "10.255.0.0/16"))
	sc.Timeouts.ICMP = 3 * time.Second // long enough for two pings
	l, _ := build(t, sc)
	ping := func() string {
		return nstest.Said(t, l.hosts[1].ns, "ping", "-c1", "-W1", "-e", "77", l.hosts[0].Address.Addr().String())
	}
	if out := ping(); !strings.Contains(out, "1 received") {
		t.Fatal(out)
	}
	apply(t, l, revoke("server", "icmp"))
	if out := ping(); !strings.Contains(out, "1 received") {
		t.Errorf("the same id within the timeout:\n%s", out)
	}
	entries, err := l.hosts[0].conntrack.Dump()
	must(t, err)
	for key := []packet.Key{entries[0].Orig}; len(entries) > 0; <-time.After(10 * time.Millisecond) {
		entries, err = l.hosts[0].conntrack.Get(key)
		must(t, err)
	}
	if out := ping(); !strings.Contains(out, "0 received") {
		t.Errorf("the same id after the timeout:\n%s", out)
	}
}

// With tcp_loose, a connection that was cut comes back as soon as the server sends something that
// its outbound rule allows.
func TestLooseResurrects(t *testing.T) {
	t.Parallel()
	for _, loose := range []bool{false, true} {
		sc := serverAndClient(allow("ssh", packet.TCP, 22, "10.255.1.10/32"))
		sc.Loose = loose
		l, _ := build(t, sc)
		speak := serve(t, l)
		s, err := connectTo(t, l, soon)
		must(t, err)
		if !s.lives(soon) {
			t.Fatal("the session does not live to begin with")
		}
		apply(t, l, revoke("server", "ssh"))
		_, err = l.Cut("A", func(flow.Entry) bool { return true })
		must(t, err)
		if s.lives(noTimeAtAll) {
			t.Errorf("loose %v: it lives without an entry", loose)
		}
		speak()
		must(t, s.conn.SetReadDeadline(time.Now().Add(soon)))
		heard := make([]byte, 1)
		if _, err := s.conn.Read(heard); err != nil || heard[0] != 'y' {
			t.Errorf("loose %v: what the server says does not arrive: %q, %v", loose, heard, err)
		}
		patience := aWhile
		if loose {
			patience = soon
		}
		must(t, s.conn.SetReadDeadline(time.Now().Add(patience)))
		if _, err := s.conn.Read(heard); (err == nil) != loose { // the echo of what was sent before
			t.Errorf("loose %v: the session goes on: %v", loose, err)
		}
	}
}

// The kernel uses the timeouts of the profile.
func TestTimeoutsAreSet(t *testing.T) {
	sc := serverAndClient(allow("icmp", packet.ICMP, sg.Any, "0.0.0.0/0"))
	i := sg.Interface{ID: "eni-1", TrackingTimeouts: sg.TrackingTimeouts{TCPEstablished: 77, UDPStream: 66}}
	for _, timeouts := range []sg.Timeouts{sg.Nitro(), sg.NitroV6(), i.Timeouts()} {
		sc.Timeouts = timeouts
		l, _ := build(t, sc)
		for key, want := range map[string]time.Duration{
			"tcp_timeout_established": timeouts.TCPEstablished, "udp_timeout": timeouts.UDP, "udp_timeout_stream": timeouts.UDPStream,
			"generic_timeout": timeouts.Other, "icmp_timeout": timeouts.ICMP,
		} {
			got := strings.TrimSpace(nstest.Output(t, l.hosts[0].ns, "cat", "/proc/sys/net/netfilter/nf_conntrack_"+key))
			if got != strconv.Itoa(int(want.Seconds())) {
				t.Errorf("%s: %s is %s, want %s", timeouts.Profile, key, got, want)
			}
		}
	}
}

// A closed port is reported by an ICMP error, which is related to the flow but not part of it.
func TestRelated(t *testing.T) {
	t.Parallel()
	for related, rule := range map[string]string{"": packet.DefaultDenyID, "pmtud": packet.DefaultDenyID, "all": packet.RelatedID} {
		sc := serverAndClient(allow("dns", packet.UDP, 53, "10.255.0.0/16"))
		sc.Related = related
		l, log := build(t, sc)
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		events := log.Subscribe(ctx)
		must(t, l.hosts[1].ns.Do(func() error {
			conn, err := net.Dial("udp4", l.hosts[0].Address.Addr().String()+":53")
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = conn.Write([]byte("?"))
			return err
		}))
		got := ""
		for e := range events {
			if j, ok := e.Body.(timeline.Judged); ok && j.Host == "B" && j.Direction == packet.Ingress {
				if got = j.ID; j.State != "related" {
					t.Errorf("%+v", j)
				}
				break
			}
		}
		if got != rule {
			t.Errorf("related %q: judged by %q, want %q", related, got, rule)
		}
	}
}

// Neighbour discovery passes whatever the groups allow: nothing else would work without it.
func TestNeighbourDiscoveryPasses(t *testing.T) {
	t.Parallel()
	left, right := nstest.Wire(t)
	group := &sg.Group{Egress: []sg.Rule{allow("out", packet.ICMPv6, sg.Any, "::/0")}}
	tables, err := enforce.Compile(enforce.Host{Account: &sg.Account{}, Groups: []*sg.Group{group}})
	must(t, err)
	for _, n := range []*ns.Namespace{left, right} {
		table, err := nft.Install(n, tables)
		must(t, err)
		defer table.Close()
	}
	for end, n := range map[string]*ns.Namespace{"w0": left, "w1": right} {
		address := map[string]string{"w0": "fd00::1/64", "w1": "fd00::2/64"}[end]
		nstest.Output(t, n, "ip", "address", "add", address, "dev", end, "nodad")
	}
	nstest.Said(t, left, "ping", "-6", "-c4", "-w4", "fd00::2")
	if out := nstest.Output(t, left, "ip", "-6", "neigh", "show", "fd00::2"); !strings.Contains(out, "lladdr") {
		t.Errorf("the neighbour was not found: %s", out)
	}
	if out := nstest.Said(t, left, "ping", "-c1", "-W1", nstest.Right.String()); !strings.Contains(out, "100% packet loss") {
		t.Errorf("more than that passes: %s", out)
	}
}
