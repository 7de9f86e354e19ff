package lab

import (
	"context"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/report"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// However often packets come, no flow outlives its rule where the model ends it: the entry goes after
// the rule, and a packet in between cannot bring it back.
func TestRevisedUnderFire(t *testing.T) {
	nstest.Kernel(t)
	for _, word := range []string{"cut", "cut-inbound", "cut-all", "rejudge"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			m, err := enforce.Parse(word)
			if err != nil {
				t.Fatal(err)
			}
			sc := scenario.FourExperiments()
			sc.Hosts[0].Model = m.Model
			log := timeline.NewLog()
			l, err := Build(t.Context(), sc, Options{Interval: time.Millisecond}, log)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if err := l.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := l.StartStream(scenario.Start{Protocol: packet.ICMP, From: "B", To: "A"}); err != nil {
				t.Fatal(err)
			}
			g := l.Policy().Groups("A")[0]
			icmp := g.Ingress[0]
			for _, r := range g.Ingress {
				if r.ID == "icmp" {
					icmp = r
				}
			}
			for range 10 {
				if !next(t, log, 3) {
					t.Fatal("the ping is dropped although its rule allows it")
				}
				if _, err := l.Apply(t.Context(), revoke(g.ID, "icmp")); err != nil {
					t.Fatal(err)
				}
				l.Sync(t.Context())
				if next(t, log, 3) {
					t.Fatal("the ping outlives its rule")
				}
				if _, err := l.Apply(t.Context(), sg.Authorize{Group: g.ID, Direction: packet.Ingress, Rules: []sg.Rule{icmp}}); err != nil {
					t.Fatal(err)
				}
				l.Sync(t.Context())
			}
			d := report.Of(log.Events()).Deleted
			if deletes := m.Traits().Deletes; (d != nil) != deletes || deletes && (d.Entries < 10 || d.Unknown > 0) {
				t.Errorf("entries deleted: %+v", d)
			}
			t.Logf("%+v", d)
		})
	}
}

// next returns whether A accepts the next echo requests, all of that number or none.
func next(t *testing.T, log *timeline.Log, n int) (accepts bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	begun, count := uint64(len(log.Events())), 0
	for e := range log.Subscribe(ctx) {
		j, is := e.Body.(timeline.Judged)
		if !is || e.Seq <= begun || j.Host != "A" || j.Direction != packet.Ingress || j.Stream == "" {
			continue
		}
		if count > 0 && j.Accepted != accepts {
			t.Errorf("packet %d: accepted %v, and the one before %v", j.Seq, j.Accepted, accepts)
		}
		if accepts = j.Accepted; count == n {
			return accepts
		}
		count++
	}
	t.Fatal("no packet comes")
	return false
}
