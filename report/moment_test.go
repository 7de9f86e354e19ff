package report

import (
	"net/netip"
	"strings"
	"testing"

	"lablab/flow"
	"lablab/internal/recordtest"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// Each sentence can be linked to the packets that it is about.
func TestMomentsAreThoseOfTheSentences(t *testing.T) {
	r := Of(recordtest.Read(t, "ping"))
	for sentence, want := range map[string]Moment{
		"was NEW to A":        {"1", 1, 1, 1},
		"Packets 2–65 were":   {"1", 2, 65, 1},
		"changed nothing for": {"1", 11, 65, 2},
		"default deny":        {"2", 1, 19, 3},
		"authorized in":       {"2", 20, 20, 4},
		"The rules decide":    {"1", 11, 65, 2},
		"blocks new flows":    {"2", 1, 19, 3},
	} {
		said := 0
		for _, p := range r.Why {
			if len(p.Moments) != len(p.Sentences) {
				t.Errorf("%s: %d sentences, %d moments", p.Subject, len(p.Sentences), len(p.Moments))
			}
			for i, s := range p.Sentences {
				if !strings.Contains(s.String(), sentence) {
					continue
				}
				said++
				if m := p.Moments[i]; m == nil || *m != want {
					t.Errorf("%q speaks of %+v, want %+v", s, m, want)
				}
			}
		}
		if said != 1 {
			t.Errorf("%q is said %d times", sentence, said)
		}
	}
}

// In a session everything happens in one experiment: packets sent before a rule was revoked owe
// nothing to conntrack.
func TestRevokedInTheMidst(t *testing.T) {
	log := timeline.NewLog()
	log.Append(timeline.Begun{Hosts: []timeline.Host{{Name: "A", Groups: []string{"lab"}}, {Name: "B"}}, Plan: []timeline.Plan{{Number: 1}}})
	rule := timeline.Rule{Number: 1, Group: "lab", Direction: packet.Ingress, Hosts: []string{"A"}, Rule: sg.Rule{ID: "icmp", Protocol: packet.All, Peer: netip.MustParsePrefix("0.0.0.0/0")}}
	log.Append(timeline.RuleAuthorized{Rule: rule})
	log.Append(timeline.ExperimentBegun{Number: 1})
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	header := packet.Header{Protocol: packet.ICMP, Source: b, Destination: a, ICMPType: 8}
	log.Append(timeline.StreamStarted{Stream: "1", Protocol: packet.ICMP, From: "B", To: "A", Source: b, Target: a})
	for seq := 1; seq <= 6; seq++ {
		if seq == 4 {
			log.Append(timeline.RuleRevoked{Rule: rule})
		}
		log.Append(timeline.Sent{Stream: "1", Seq: seq})
		judged := timeline.Judged{Host: "A", Direction: packet.Ingress, Stream: "1", Seq: seq, State: "established", Accepted: true, By: packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}, Packet: header}
		if seq == 1 {
			judged.State, judged.By = "new", packet.By{Kind: packet.ByGroup, ID: rule.ID, Number: rule.Number}
		}
		log.Append(judged)
		if seq == 1 {
			log.Append(timeline.EntryChanged{Host: "A", Change: flow.New, Entry: flow.Entry{Orig: header.Key(), Mark: rule.Number}})
		}
	}
	var said []string
	for _, p := range Of(log.Events()).Why {
		for _, s := range p.Sentences {
			said = append(said, s.String())
		}
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "changed nothing for packets 4–6:") {
		t.Errorf("it says\n%s", all)
	}
}
