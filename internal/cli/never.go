package cli

import (
	"context"
	"net/netip"
	"slices"

	"lablab/lab"
	"lablab/packet"
	"lablab/render"
	"lablab/say"
	"lablab/sg"
)

// statements parses the values of --never.
func statements(texts []string) ([]sg.Never, error) {
	var all []sg.Never
	for _, text := range texts {
		n, err := sg.ParseNever(text)
		if err != nil {
			return nil, &usageError{say.Errorf("--never %q: %w", text, err), say.F("a statement looks like %s", `"tcp 22 from 0.0.0.0/0 except 10.0.0.0/8"`)}
		}
		all = append(all, n)
	}
	return all, nil
}

// A kernel answers for a group whether it accepts a packet.
type kernel func(ctx context.Context, account *sg.Account, group *sg.Group, packet lab.Probe) (lab.Judgement, error)

// never answers statements about all packets. It asks the kernel about the counter-examples, as far as
// that can be done; reason is why it cannot.
func never(ctx context.Context, account *sg.Account, statements []sg.Never, ask kernel) (answers []render.Statement, reason error) {
	const most = 20 // counter-examples of a statement about which the kernel is asked
	for _, n := range statements {
		breaches, doubts := account.Breaches(n)
		answer := render.Statement{Statement: n.String(), Verdict: "holds"}
		switch {
		case len(breaches) > 0:
			answer.Verdict = "broken"
		case len(doubts) > 0:
			answer.Verdict, answer.Doubts = "unknown", doubts
		}
		for i, breach := range breaches {
			group := account.Group(breach.Group)
			probe := firstPacket(n.Direction, breach.Packet)
			c := render.CounterExample{Group: breach.Group, Name: group.Name, Packet: sentPacket(probe), Rules: breach.Rules}
			for _, on := range account.Interfaces {
				if slices.Contains(on.Groups, breach.Group) {
					c.Interfaces = append(c.Interfaces, on.ID)
				}
			}
			if i < most && reason == nil {
				var by lab.Judgement
				if by, reason = ask(ctx, account, group, probe); reason == nil {
					c.Verdict = "drop"
					if by.Admitted {
						c.Verdict, c.Rule = "accept", by.Rule
					}
				}
			}
			answer.CounterExamples = append(answer.CounterExamples, c)
		}
		answers = append(answers, answer)
	}
	return answers, reason
}

// neverCode returns the exit code of answers to statements.
func neverCode(answers []render.Statement) int {
	code := exitHeld
	for _, a := range answers {
		switch {
		case slices.ContainsFunc(a.CounterExamples, func(c render.CounterExample) bool { return c.Verdict == "drop" }):
			return exitDisagree
		case a.Verdict == "broken":
			code = exitNotHeld
		case a.Verdict == "unknown" && code == exitHeld:
			code = exitUnknown
		}
	}
	return code
}

// firstPacket returns what a security group sees as a packet that can be sent.
func firstPacket(d packet.Direction, p sg.Packet) lab.Probe {
	b := lab.Probe{Egress: d == packet.Egress, From: p.Peer, To: hostAddress(p.Peer.Is6()), Protocol: p.Protocol}
	if b.Egress {
		b.From, b.To = b.To, b.From
	}
	switch p.Protocol {
	case packet.TCP, packet.UDP:
		b.SourcePort, b.Port = usualSourcePort, uint16(p.To)
	case packet.ICMP, packet.ICMPv6:
		b.Type, b.Code = uint8(p.To), uint8(p.Code)
	}
	return b
}

const usualSourcePort = 40000

// hostAddress returns the address of a host of which only the groups are known.
func hostAddress(six bool) netip.Addr {
	if six {
		return netip.MustParseAddr("fd00:10:255:1::197")
	}
	return netip.MustParseAddr("10.255.1.197")
}

func sentPacket(b lab.Probe) render.SentPacket {
	p := render.SentPacket{From: b.From.String(), To: b.To.String(), Protocol: b.Protocol.String(), Egress: b.Egress, Text: b.String()}
	port, kind, code := int(b.Port), int(b.Type), int(b.Code)
	switch b.Protocol {
	case packet.TCP, packet.UDP:
		p.Port = &port
	case packet.ICMP, packet.ICMPv6:
		p.Type, p.Code = &kind, &code
	}
	return p
}
