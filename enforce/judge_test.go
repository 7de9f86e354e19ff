package enforce_test

import (
	"net/netip"
	"slices"
	"testing"

	"lablab/enforce"
	"lablab/packet"
	"lablab/sg"
)

var (
	a = netip.MustParseAddr("10.0.0.1") // the host whose rules count
	b = netip.MustParseAddr("10.0.0.2")
)

// rules allow what is listed, in the order of their numbers.
type rules []struct {
	number    uint32
	direction packet.Direction
	sg.Rule
}

func (r rules) Allows(d packet.Direction, p sg.Packet) (packet.By, bool) {
	for _, rule := range r {
		if r.Covers(rule.number, d, p) {
			return packet.By{Kind: packet.ByGroup, ID: rule.ID, Number: rule.number}, true
		}
	}
	return packet.By{}, false
}

func (r rules) Covers(number uint32, d packet.Direction, p sg.Packet) bool {
	for _, rule := range r {
		if rule.number == number && rule.direction == d && rule.AllowsWhat(p) && rule.Peer.Contains(p.Peer) {
			return true
		}
	}
	return false
}

func (r rules) InForce(number uint32) bool {
	for _, rule := range r {
		if rule.number == number {
			return true
		}
	}
	return false
}

func (rules) Related(packet.Header) bool { return false }

func (r rules) Untracked() []sg.Untracked {
	return slices.DeleteFunc([]sg.Untracked{{Direction: packet.Ingress, Protocol: packet.TCP, From: 80, To: 80}}, func(sg.Untracked) bool { return len(r) < 9 })
}

func allow(number uint32, d packet.Direction, p packet.Protocol, port int, peer string) rules {
	r := make(rules, 1)
	r[0].number, r[0].direction = number, d
	r[0].Rule = sg.Rule{ID: string(d) + "-" + p.String(), Protocol: p, From: port, To: port, Peer: netip.MustParsePrefix(peer)}
	return r
}

// from returns a packet of a flow to port 7 of A, in one of its directions.
func from(source netip.Addr, p packet.Protocol, state packet.State, mark packet.Mark) enforce.Packet {
	h := packet.Header{Protocol: p, Source: b, Destination: a, SourcePort: 40000, DestinationPort: 7, TCPFlags: packet.ACK}
	if state == packet.New {
		h.TCPFlags = packet.SYN
	}
	flow := &enforce.Flow{Orig: h.Key(), Mark: mark, Began: packet.Ingress, TCP: "ESTABLISHED"}
	k := enforce.Packet{Header: h, Direction: packet.Ingress, State: state, Flow: flow, Seen: sg.Packet{Protocol: p, Peer: b, To: 7}}
	if source == a {
		k.Source, k.Destination, k.SourcePort, k.DestinationPort = a, b, 7, 40000
		k.Direction, k.Reply, k.Seen.To = packet.Egress, true, 40000
	}
	if state == packet.Invalid {
		k.Flow, k.Reply = nil, false
	}
	return k
}

// Each model decides about the packets of a flow to port 7 whose rule, number 1, is in force, is
// gone, or is gone while another one allows the flow; with and without an egress rule, number 9.
func TestJudge(t *testing.T) {
	in, other := allow(1, packet.Ingress, packet.TCP, 7, "10.0.0.0/8"), allow(2, packet.Ingress, packet.TCP, 7, "10.0.0.2/32")
	out := allow(9, packet.Egress, packet.All, sg.Any, "0.0.0.0/0")
	situations := []rules{slices.Concat(in, out), out, nil, other}
	const mark, blocked = packet.Mark(1), 1 | packet.Tombstone
	requests := []enforce.Packet{from(b, packet.TCP, packet.New, 0), from(b, packet.TCP, packet.Established, mark), from(b, packet.TCP, packet.Invalid, 0)}
	replies := []enforce.Packet{from(a, packet.TCP, packet.Established, mark), from(a, packet.TCP, packet.Established, blocked), from(a, packet.TCP, packet.Established, 0)}
	for _, test := range []struct {
		model string
		// For each situation: a new request, an established one, one without an entry; a reply, one of a
		// blocked flow, one of a flow without a mark. A digit is the rule that accepts, e the entry, m the
		// model, - nothing; + and ! say that the mark is written or the flow blocked.
		want []string
	}{
		{"aws", []string{"1+ e 1 e e e", "- e - e e e", "- e - e e e", "2+ e 2 e e e"}},
		{"keep", []string{"1+ e 1 e e e", "- e - e e e", "- e - e e e", "2+ e 2 e e e"}},
		{"cut", []string{"1+ e 1 e e e", "- e - e e e", "- e - e e e", "2+ e 2 e e e"}},
		{"request", []string{"1+ 1 1 e e e", "- - - e e e", "- - - e e e", "2+ 2 2 e e e"}},
		{"request-tombstone", []string{"1+ 1+ 1 e t e", "- -! - e t e", "- -! - e t e", "2+ 2+ 2 e t e"}},
		{"tied", []string{"1+ 1 - 1 1 1", "- - - - - -", "- - - - - -", "2+ 2 - 2 2 2"}},
		{"rejudge", []string{"1+ e 1 e e 1+", "- - - - - -", "- - - - - -", "2+ 2+ 2 2+ 2+ 2+"}},
		{"stateless", []string{"1+ 1 1 9 9 9", "- - - 9 9 9", "- - - - - -", "2+ 2 2 - - -"}},
		{"syn", []string{"1+ m m m m m", "- m m m m m", "- m m m m m", "2+ m m m m m"}},
		{"sweep", []string{"1+ e 1 e e 9+", "- e - e e 9+", "- e - e e -", "2+ e 2 e e -"}},
	} {
		m, err := enforce.Parse(test.model)
		if err != nil {
			t.Fatal(err)
		}
		for i, situation := range situations {
			got := ""
			for _, p := range slices.Concat(requests, replies) {
				d := m.Judge(p, situation)
				kind := map[packet.Kind]string{packet.ByEstablished: "e", packet.ByDefault: "-", packet.ByModel: "m", packet.ByTombstone: "t"}[d.Kind]
				if d.Kind == packet.ByGroup {
					kind = string(rune('0' + d.Number))
				}
				if d.Accepted != (kind != "-" && kind != "t") {
					t.Errorf("%s: accepted %v by %s", test.model, d.Accepted, d.ID)
				}
				if d.Kind == packet.ByModel && d.Write == enforce.Nothing && p.State == packet.New {
					t.Errorf("%s: a new flow keeps what mark it had", test.model)
				}
				got += " " + kind + map[enforce.Write]string{enforce.Admitting: "+", enforce.Blocking: "!"}[d.Write]
			}
			if got[1:] != test.want[i] {
				t.Errorf("%s, situation %d: %s, want %s", test.model, i+1, got[1:], test.want[i])
			}
		}
	}
}

// A syn model accepts echo replies and answers over UDP, and has the rules decide about the rest.
func TestSYN(t *testing.T) {
	m, _ := enforce.Parse("syn")
	echo := func(kind uint8) enforce.Packet {
		p := from(b, packet.ICMP, packet.Established, 1)
		p.ICMPType = kind
		return p
	}
	for _, test := range []struct {
		packet enforce.Packet
		id     string
	}{
		{echo(0), packet.AnyEchoReplyID},
		{echo(8), packet.DefaultDenyID},
		{from(b, packet.UDP, packet.Established, 1), packet.EstablishedID},
		{from(b, packet.UDP, packet.New, 0), packet.DefaultDenyID},
		{from(b, packet.TCP, packet.New, 0), packet.DefaultDenyID},
		{from(b, packet.TCP, packet.Invalid, 0), packet.MidConnectionID},
		{from(a, packet.UDP, packet.New, 0), packet.NotFilteredID},
	} {
		if d := m.Judge(test.packet, rules{}); d.ID != test.id {
			t.Errorf("%s, %s: %s decides, want %s", test.packet.Header, test.packet.State, d.ID, test.id)
		}
	}
}

// A change has the effects of its model on flows whose rule, number 1, is in force, is gone, has lost
// the peer, or is gone while another rule allows the flow.
func TestChanged(t *testing.T) {
	none := rules{}
	for _, p := range []packet.Protocol{packet.ICMP, packet.TCP} {
		flow := *from(b, p, packet.Established, 1).Flow
		in := func(number uint32, peer string) rules { return allow(number, packet.Ingress, p, sg.Any, peer) }
		situations := []rules{in(1, "10.0.0.0/8"), none, in(1, "10.9.0.0/16"), in(2, "10.0.0.0/8")}
		for _, test := range []struct {
			model string
			want  string // of a flow that came in, then of one that went out: its rule is gone
		}{
			{"aws", "SSSS S"}, {"keep", "SSSS S"}, {"request", "SSSS S"}, {"tied", "SSSS S"}, {"stateless", "SSSS S"}, {"syn", "SSSS S"},
			{"cut", "SDDD D"}, {"cut-strict", "SDDD D"}, {"cut-inbound", "DDDD S"}, {"cut-all", "DDDD D"},
			{"rejudge", "SSUS S"},
			{"sweep", map[packet.Protocol]string{packet.ICMP: "SSSS S", packet.TCP: "SUUS U"}[p]},
		} {
			m, err := enforce.Parse(test.model)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			letter := map[enforce.Effect]string{enforce.Stays: "S", enforce.Deletes: "D", enforce.Unmarks: "U", enforce.Untracks: "N"}
			for _, now := range situations {
				got += letter[m.Changed(flow, now)]
			}
			went := flow
			went.Began, went.Orig.Source, went.Orig.Destination = packet.Egress, a, b
			got += " " + letter[m.Changed(went, none)]
			if got != test.want {
				t.Errorf("%s, %s: %s, want %s", test.model, p, got, test.want)
			}
		}
	}
	half := *from(b, packet.TCP, packet.Established, 1).Flow
	half.TCP = "SYN_RECV"
	if m, _ := enforce.Parse("sweep"); m.Changed(half, none) != enforce.Stays {
		t.Error("sweep takes the mark of a connection that is not established")
	}
}

// What a host forwards is cut if either of its two rules is gone.
func TestCutForwarded(t *testing.T) {
	in, out := allow(1, packet.Ingress, packet.TCP, 7, "10.0.0.2/32"), allow(2, packet.Egress, packet.TCP, 7, "10.0.0.1/32")
	keep, set := packet.ForwardMark(packet.Ingress, 1)
	mark := packet.Mark(0)&keep | set
	keep, set = packet.ForwardMark(packet.Egress, 2)
	flow := *from(b, packet.TCP, packet.Established, mark&keep|set).Flow
	flow.Forwarded = true
	m, _ := enforce.Parse("cut")
	for _, test := range []struct {
		now  rules
		want enforce.Effect
	}{{slices.Concat(in, out), enforce.Stays}, {in, enforce.Deletes}, {out, enforce.Deletes}} {
		if got := m.Changed(flow, test.now); got != test.want {
			t.Errorf("with %d rules: %d, want %d", len(test.now), got, test.want)
		}
	}
}

// EC2 does not track what its rules open to the world: the entry is marked when the next packet
// comes, or with the change, as its knob says.
func TestUntracked(t *testing.T) {
	open := slices.Concat(allow(1, packet.Ingress, packet.TCP, 80, "0.0.0.0/0"), make(rules, 8))
	p := from(b, packet.TCP, packet.Established, 1)
	p.Flow.Orig.DestinationPort, p.Seen.To = 80, 80
	for _, test := range []struct {
		model  string
		change enforce.Effect
	}{{"aws", enforce.Untracks}, {"aws-by-packet", enforce.Stays}, {"keep", enforce.Stays}} {
		m, err := enforce.Parse(test.model)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Changed(*p.Flow, open); got != test.change {
			t.Errorf("%s: the change has effect %d, want %d", test.model, got, test.change)
		}
		d := m.Judge(p, open)
		if want := test.model != "keep"; d.Untracks != want || (d.Kind == packet.ByGroup) != want {
			t.Errorf("%s: %+v", test.model, d)
		}
	}
}
