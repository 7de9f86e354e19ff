package cli

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"lablab/lab"
	"lablab/packet"
	"lablab/sg"
)

// What the kernel says of a counter-example decides about the exit code; without it a prediction does.
func TestNeverAsksTheKernel(t *testing.T) {
	account := &sg.Account{Groups: []*sg.Group{
		{ID: "sg-1", Ingress: []sg.Rule{{ID: "r", Protocol: packet.TCP, From: 22, To: 22, Peer: netip.MustParsePrefix("0.0.0.0/0")}}},
		{ID: "sg-2", Egress: []sg.Rule{{ID: "r", Protocol: packet.TCP, From: 22, To: 22, Peer: netip.MustParsePrefix("0.0.0.0/0")}}},
	}}
	unable := errors.New("no kernel")
	for _, test := range []struct {
		statement string
		by        lab.Judgement
		err       error
		verdict   string
		code      int
	}{
		{"tcp 22 from 0.0.0.0/0", lab.Judgement{Admitted: true, Rule: "r"}, nil, "accept", exitNotHeld},
		{"tcp 22 from 0.0.0.0/0", lab.Judgement{}, nil, "drop", exitDisagree},
		{"tcp 22 from 0.0.0.0/0", lab.Judgement{Admitted: true}, unable, "", exitNotHeld},
		{"tcp 23 from 0.0.0.0/0", lab.Judgement{}, unable, "none", exitHeld},
	} {
		statements, err := statements([]string{test.statement})
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		answers, reason := never(t.Context(), account, statements, func(_ context.Context, _ *sg.Account, group *sg.Group, p lab.Probe) (lab.Judgement, error) {
			if asked++; group.ID != "sg-1" || p.String() != "tcp 203.0.113.7:40000 > 10.255.1.197:22" {
				t.Errorf("%s: asked about group %s, %s", test.statement, group.ID, p)
			}
			return test.by, test.err
		})
		if code := neverCode(answers); code != test.code {
			t.Errorf("%s: exit code %d, want %d", test.statement, code, test.code)
		}
		if test.verdict == "none" {
			if asked != 0 || len(answers[0].CounterExamples) > 0 {
				t.Errorf("%s: asked %d times, answered %+v", test.statement, asked, answers)
			}
			continue
		}
		if got := answers[0].CounterExamples[0].Verdict; got != test.verdict || !errors.Is(reason, test.err) {
			t.Errorf("%s: verdict %q, reason %v", test.statement, got, reason)
		}
	}
}
