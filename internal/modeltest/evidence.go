package modeltest

import (
	"slices"
	"strings"
	"testing"

	"lablab/enforce"
	"lablab/packet"
	"lablab/play"
	"lablab/timeline"
)

// Evidence fails the test unless conntrack reports, of a ping whose rule is revoked and restored, what
// tells the models apart, together with the state of the packets that are dropped.
func Evidence(t *testing.T, target play.Target) {
	for _, test := range []struct{ model, events, dropped string }{
		{"keep", "new update", ""},
		{"aws", "new update", ""},
		{"cut", "new update destroy new update", "new"},
		{"cut-all", "new update destroy new update", "new"},
		{"request", "new update", "established"},
		{"request-tombstone", "new update update", "established"},
		{"tied", "new update", "established"},
		{"rejudge", "new update update", "established"},
		{"stateless", "new update", "established"},
		{"syn", "new update", "established"},
		{"sweep", "new update", ""},
	} {
		t.Run(test.model, func(t *testing.T) {
			t.Parallel()
			m, err := enforce.Parse(test.model)
			if err != nil {
				t.Fatal(err)
			}
			icmp := served("", "10.255.0.0/16")[0]
			recorded := player{t, target, m.Model}.play(do(3, start("ping", packet.ICMP, false)), do(3, revoke("icmp")), do(3, authorize(icmp)))
			var events, dropped []string
			for _, e := range recorded {
				switch body := e.Body.(type) {
				case timeline.EntryChanged:
					if body.Host == "A" && body.Entry.Orig.Protocol == packet.ICMP {
						events = append(events, string(body.Change))
					}
				case timeline.Judged:
					if body.Stream == "ping" && !body.Accepted {
						dropped = append(dropped, string(body.State))
					}
				}
			}
			if got := strings.Join(events, " "); got != test.events {
				t.Errorf("conntrack reports %s, want %s", got, test.events)
			}
			if got := strings.Join(slices.Compact(dropped), " "); got != test.dropped {
				t.Errorf("packets are dropped as %q, want %q", got, test.dropped)
			}
		})
	}
}
