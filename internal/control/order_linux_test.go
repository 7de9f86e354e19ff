package control

import (
	"context"
	"os/exec"
	"testing"

	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// ping sends a packet from B to A, which replies: four verdicts.
func ping(t *testing.T, s *served) {
	t.Helper()
	host, err := s.keeper.current().lab.Namespace("B")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(nstest.Tool(t, "nsenter"), "--net="+host, nstest.Tool(t, "ping"), "-q", "-c1", "10.255.1.197").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func isPing(e timeline.Event) bool {
	judged, is := e.Body.(timeline.Judged)
	return is && judged.Packet.Protocol == packet.ICMP
}

// Everything that the kernel sent before the lab ended comes before its end in the timeline.
func TestVerdictsBeforeTheEnd(t *testing.T) {
	s := serveLab(t)
	log := s.keeper.current().log
	ping(t, s)
	if err := s.keeper.Close(); err != nil {
		t.Fatal(err)
	}
	verdicts := 0
	for _, e := range log.Events() {
		if isPing(e) {
			verdicts++
		}
	}
	if verdicts != 4 {
		t.Errorf("%d verdicts, want 4", verdicts)
	}
}

// News starts with what happens from then on.
func TestNewsIsNew(t *testing.T) {
	s := serveLab(t)
	for range 10 {
		ping(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		mark := timeline.StreamStopped{Stream: "mark"}
		everything := func() {
			if _, err := s.Status(ctx); err != nil { // waits until the timeline has what the kernel has sent
				t.Error(err)
			}
			s.keeper.current().log.Append(mark)
		}
		_ = s.News(ctx, everything, func(e timeline.Event) error {
			if isPing(e) {
				t.Error("an earlier packet is news")
			}
			if e.Body == timeline.Body(mark) {
				cancel()
			}
			return nil
		})
		cancel()
	}
}

// A packet that a rule accepted comes before the rule's revocation in the timeline.
func TestVerdictsBeforeTheChange(t *testing.T) {
	s := serveLab(t)
	change := sg.Authorize{Group: "lab", IDs: []string{"icmp"}}
	for range 10 {
		ping(t, s)
		if _, err := s.Apply(t.Context(), sg.Revoke(change)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Status(t.Context()); err != nil { // waits until the timeline has what the kernel has sent
			t.Fatal(err)
		}
		revoked := false
		for _, e := range s.keeper.current().log.Events() {
			switch body := e.Body.(type) {
			case timeline.RuleRevoked:
				revoked = true
			case timeline.RuleAuthorized:
				revoked = false
			case timeline.Judged:
				if revoked && body.ID == "icmp" {
					t.Fatal("a packet that the rule accepted comes after its revocation")
				}
			}
		}
		if _, err := s.Apply(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
}
