package claimtest

import (
	"slices"
	"strings"
	"testing"

	"lablab/flow"
	"lablab/internal/recordtest"
	"lablab/packet"
	"lablab/report"
	"lablab/report/claims"
	"lablab/say"
	"lablab/timeline"
)

// records returns the recorded runs, by name.
func records(t *testing.T) map[string][]timeline.Event {
	t.Helper()
	all := recordtest.All(t, "testdata/*.jsonl")
	all["ping, verdicts lost"] = slices.Clone(all["ping"])
	for i, e := range all["ping"] {
		if v, is := e.Body.(timeline.Judged); is && v.Seq == 1 {
			all["ping, verdicts lost"][i].Body = timeline.Missed{Host: v.Host, What: timeline.MissedVerdicts, Count: 1}
		}
	}
	return all
}

// No sentence about a recorded run contradicts its events.
func TestRecords(t *testing.T) {
	for name, events := range records(t) {
		t.Run(name, func(t *testing.T) { Check(t, events, report.Of(events)) })
	}
}

// Each kind of claim is made about a recorded run, and refuted once the events contradict it.
func TestEachClaimCanBeRefuted(t *testing.T) {
	refuted := map[claims.Kind]int{}
	for name, events := range records(t) {
		for _, c := range claimed(events) {
			other := slices.Clone(events)
			contradict[c.Kind](other, &c)
			if why := Read(other).Refute(c); why == "" {
				t.Errorf("%s: not refuted: %+v", name, c)
			}
			refuted[c.Kind]++
		}
	}
	for kind := range checks {
		if refuted[kind] == 0 && kind != claims.Tracked { // no record has a packet that does not fit
			t.Errorf("no record shows %q", kind)
		}
	}
	t.Log(refuted)
}

// claimed returns what a report and the page claim about a timeline.
func claimed(events []timeline.Event) (all []claims.Claim) {
	for _, p := range report.Of(events).Why {
		all = append(all, slices.Concat(p.Claims...)...)
	}
	n := report.NewNarrator()
	n.Check = func(_ uint64, _ say.Sentence, claimed []claims.Claim) { all = append(all, claimed...) }
	for _, e := range events {
		n.Add(e)
	}
	n.Said()
	return all
}

// contradict has, for each kind of claim, a change of the events that contradicts it.
var contradict = map[claims.Kind]func(events []timeline.Event, c *claims.Claim){
	claims.Decided: func(events []timeline.Event, c *claims.Claim) {
		if c.Event > 0 {
			turn(events[c.Event-1:], func(*timeline.Judged) bool { return true })
			return
		}
		turn(events, func(v *timeline.Judged) bool { return about(v, c) && v.Seq <= c.Last && c.Last <= max(v.Seq, v.Last) })
	},
	claims.AllReplies: func(events []timeline.Event, c *claims.Claim) {
		turn(events, func(v *timeline.Judged) bool { return v.Stream == c.Stream && v.Reply && v.Seq > 1 })
	},
	claims.NoEntry: func(events []timeline.Event, c *claims.Claim) {
		v, _ := Read(events).verdict(*c, c.First)
		events[ready(events)].Body = timeline.EntryChanged{Host: c.Host, Change: flow.New, Entry: flow.Entry{ID: 1, Orig: v.Packet.Key()}}
	},
	claims.Created: func(events []timeline.Event, c *claims.Claim) {
		change(events, c.Entry, func(e *timeline.EntryChanged) { e.Entry.Mark += 100 })
	},
	claims.Unreplied: func(events []timeline.Event, c *claims.Claim) {
		change(events, c.Entry, func(e *timeline.EntryChanged) { e.Entry.Status = []string{"SEEN_REPLY"} })
	},
	claims.Masqueraded: func(events []timeline.Event, c *claims.Claim) {
		change(events, c.Entry, func(e *timeline.EntryChanged) { e.Entry.Reply.Destination = e.Entry.Orig.Source })
	},
	claims.HasModel: func(events []timeline.Event, c *claims.Claim) {
		begun := events[0].Body.(timeline.Begun)
		begun.Hosts = slices.Clone(begun.Hosts)
		i := slices.IndexFunc(begun.Hosts, func(h timeline.Host) bool { return h.Name == c.Host })
		begun.Hosts[i].Model = "keep"
		events[0].Body = begun
	},
	claims.Carried:  destroy,
	claims.Outlived: destroy,
	claims.Tracked:  destroy,
	claims.EntryGone: func(events []timeline.Event, c *claims.Claim) {
		x, _ := Read(events).entry(c.Entry)
		events[x.end-1].Body = timeline.Ready{}
	},
	claims.Appeared: destroy,
	claims.Ended: func(events []timeline.Event, c *claims.Claim) {
		events[c.Event-1].Body = timeline.Ready{}
	},
	claims.Left: undo,
	claims.Unseen: func(events []timeline.Event, c *claims.Claim) {
		events[ready(events)].Body = timeline.Judged{Stream: c.Stream, Seq: c.First}
	},
	claims.Closed:     undo,
	claims.Opened:     undo,
	claims.ACLChanged: undo,
	claims.NotLoose: func(events []timeline.Event, _ *claims.Claim) {
		for i := range events {
			if _, is := events[i].Body.(timeline.Configured); is {
				events[i].Body = timeline.Ready{}
			}
		}
		events[ready(events)].Body = timeline.Configured{Loose: true}
	},
	claims.OpenToWorld: func(events []timeline.Event, c *claims.Claim) {
		for i := range events {
			if r, is := events[i].Body.(timeline.RuleAuthorized); is && r.Direction != c.Direction {
				events[i].Body = timeline.Ready{}
			}
		}
	},
	claims.Forged:    undo,
	claims.SameFlow:  restart,
	claims.OtherFlow: restart,
	claims.Became:    func(_ []timeline.Event, c *claims.Claim) { c.Count += 1000 },
}

func about(v *timeline.Judged, c *claims.Claim) bool {
	return v.Stream == c.Stream && v.Host == c.Host && v.Direction == c.Direction && v.Reply == c.Reply && v.Seq > 0
}

// turn turns the first verdict for which meant holds into its opposite.
func turn(events []timeline.Event, meant func(*timeline.Judged) bool) {
	for i := range events {
		if v, is := events[i].Body.(timeline.Judged); is && meant(&v) {
			v.Accepted = !v.Accepted
			events[i].Body = v
			return
		}
	}
}

// ready returns the index of an event that may be replaced, before the traffic.
func ready(events []timeline.Event) int {
	return slices.IndexFunc(events, func(e timeline.Event) bool { _, is := e.Body.(timeline.Ready); return is })
}

// change changes the event that reports an entry first.
func change(events []timeline.Event, entry claims.Entry, to func(*timeline.EntryChanged)) {
	x, _ := Read(events).entry(entry)
	e := events[x.begin-1].Body.(timeline.EntryChanged)
	to(&e)
	events[x.begin-1].Body = e
}

// destroy ends the entry right after it was reported.
func destroy(events []timeline.Event, c *claims.Claim) {
	x, _ := Read(events).entry(c.Entry)
	e := events[x.begin-1].Body.(timeline.EntryChanged)
	e.Change = flow.Destroy
	events[x.begin].Body = e
	if c.Kind == claims.Appeared || c.Kind == claims.Carried && c.First == c.Last { // the packet may have been decided about before
		c.Entry.ID++
	}
}

// undo leaves the change out.
func undo(events []timeline.Event, c *claims.Claim) { events[c.Change-1].Body = timeline.Ready{} }

// restart gives the stream the flow of the other stream, or one of its own.
func restart(events []timeline.Event, c *claims.Claim) {
	other := Read(events).flow(c.Other)
	if c.Kind == claims.SameFlow {
		other.SourcePort, other.ICMPID = other.SourcePort+1, other.ICMPID+1
	}
	other.Stream = c.Stream
	for i := range events {
		if s, is := events[i].Body.(timeline.StreamStarted); is && s.Stream == c.Stream {
			events[i].Body = other
		}
	}
}

// What explanations once claimed is refuted.
func TestFormerClaims(t *testing.T) {
	all := records(t)
	event := func(record string, is func(timeline.Body) bool) uint64 {
		return uint64(slices.IndexFunc(all[record], func(e timeline.Event) bool { return is(e.Body) }) + 1)
	}
	revoked := func(record, id string) uint64 {
		return event(record, func(b timeline.Body) bool { r, is := b.(timeline.RuleRevoked); return is && r.ID == id })
	}
	regrouped := func(record, host string) uint64 {
		return event(record, func(b timeline.Body) bool { g, is := b.(timeline.GroupsChanged); return is && g.Host == host })
	}
	number := func(record, id string) (number uint32) {
		for _, e := range all[record] {
			if r, is := e.Body.(timeline.RuleAuthorized); is && r.ID == id && number == 0 {
				number = r.Number
			}
		}
		return number
	}
	first := func(record, host, stream string) claims.Entry {
		for _, p := range report.Of(all[record]).Why {
			for _, c := range slices.Concat(p.Claims...) {
				if c.Kind == claims.Created && c.Host == host && c.Stream == stream {
					return c.Entry
				}
			}
		}
		t.Fatalf("%s: no entry of stream %s on %s", record, stream, host)
		return claims.Entry{}
	}
	for _, test := range []struct {
		name, record string
		claim        claims.Claim
		because      string
	}{
		{
			"an entry that was destroyed was not gone", "course-cut",
			claims.Claim{Kind: claims.Outlived, Stream: "ssh", First: 26, Last: 30, Host: "A", Entry: first("course-cut", "A", "ssh"), Change: revoked("course-cut", "ssh"), Rule: number("course-cut", "ssh")},
			"had ended at event",
		},
		{
			"conntrack had no entry for a flow without replies", "course-related",
			claims.Claim{Kind: claims.NoEntry, Stream: "query", First: 2, Last: 10, Host: "A"},
			"existed from event",
		},
		{
			"every reply, and some were INVALID", "both-entries-cut",
			claims.Claim{Kind: claims.AllReplies, Stream: "session", State: packet.Established},
			"was invalid",
		},
		{
			"a range of other ports is blamed", "innocent-rules",
			claims.Claim{Kind: claims.Closed, Stream: "ssh", First: 4, Last: 6, Host: "A", Change: revoked("innocent-rules", "high"), Rule: number("innocent-rules", "high")},
			"did not match before",
		},
		{
			"a range of other addresses is blamed", "innocent-rules",
			claims.Claim{Kind: claims.Closed, Stream: "ping", First: 4, Last: 6, Host: "A", Change: revoked("innocent-rules", "far"), Rule: number("innocent-rules", "far")},
			"did not match before",
		},
		{
			"a group that the sender never had is blamed", "innocent-rules",
			claims.Claim{Kind: claims.Closed, Stream: "ssh", First: 4, Last: 6, Host: "A", Change: revoked("innocent-rules", "friends"), Rule: number("innocent-rules", "friends")},
			"did not match before",
		},
		{
			"a rule that is in force is called gone", "course-cut",
			claims.Claim{Kind: claims.Closed, Stream: "ping", First: 11, Last: 15, Host: "A", Change: revoked("course-cut", "ssh"), Rule: number("course-cut", "out")},
			"is tcp 22 10.255.1.10/32",
		},
		{
			"the wrong host has joined the group", "course-reference",
			claims.Claim{Kind: claims.Opened, Stream: "stranger", First: 6, Last: 6, Host: "db", Change: regrouped("course-reference", "app"), Group: "app", Member: "guest", Rule: number("course-reference", "from-app")},
			"{Host:app",
		},
		{
			"a host left a group before it did", "course-reference",
			claims.Claim{Kind: claims.Closed, Stream: "stranger", First: 1, Last: 5, Host: "db", Change: regrouped("course-reference", "app"), Group: "app", Member: "app", Rule: number("course-reference", "from-app")},
			"did not match before event",
		},
		{
			"an entry is gone that carries the packets", "course-cut",
			claims.Claim{Kind: claims.EntryGone, Stream: "ssh", First: 11, Last: 11, Host: "A", Entry: first("course-cut", "A", "ssh"), Ending: claims.Asked},
			"it ended at event",
		},
		{
			"an entry carries packets that a rule accepted", "models",
			claims.Claim{Kind: claims.Carried, Stream: "query", First: 2, Last: 3, Host: "A", Entry: first("models", "A", "query")},
			"by dns",
		},
		{
			"someone deleted an entry that the change of the rules did", "models",
			claims.Claim{Kind: claims.EntryGone, Stream: "cut", First: 4, Last: 4, Host: "C", Entry: first("models", "C", "cut"), Ending: claims.Asked},
			"it is changed rather than asked",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := test.claim
			if c.Direction == "" {
				c.Direction = packet.Ingress
			}
			if why := Read(all[test.record]).Refute(c); why == "" || !strings.Contains(why, test.because) {
				t.Errorf("refuted because %q, want %q", why, test.because)
			}
		})
	}
}
