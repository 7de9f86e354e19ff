// Package claimtest checks what an explanation asserts against the timeline. It works everything out
// again from the events, one claim at a time, so that it shares no mistake with package report.
package claimtest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"lablab/packet"
	"lablab/report"
	"lablab/report/claims"
	"lablab/say"
	"lablab/timeline"
)

// Check fails the test for each sentence of a report, and each subtitle of the page, that the events
// contradict. It also fails for those about packets and entries that assert nothing that can be
// checked, or that name what they do not assert anything about.
func Check(t testing.TB, events []timeline.Event, r *report.Report) {
	t.Helper()
	e := Read(events)
	for _, p := range r.Why {
		for i, sentence := range p.Sentences {
			e.check(t, sentence, p.Claims[i], p.Stream != "")
		}
	}
	for _, x := range r.Experiments {
		for _, s := range x.Streams {
			for _, because := range s.Because {
				e.check(t, because.Sentence, because.Claims, true)
			}
		}
	}
	n := report.NewNarrator()
	n.Check = func(at uint64, words say.Sentence, claimed []claims.Claim) {
		e.check(t, words, claimed, !isChange(e.events[at].Body) && !isSetting(e.events[at].Body))
	}
	for _, event := range events {
		n.Add(event)
	}
	n.Said()
}

// isSetting reports whether a subtitle has the words of the event itself.
func isSetting(b timeline.Body) bool {
	switch b.(type) {
	case timeline.ACLChanged, timeline.Cut, timeline.Configured, timeline.StreamStopped, timeline.Forged:
		return true
	}
	return false
}

// check fails the test if the events contradict a sentence, or if it asserts nothing and must.
func (e *Evidence) check(t testing.TB, sentence say.Sentence, asserted []claims.Claim, must bool) {
	t.Helper()
	if must && len(asserted) == 0 {
		t.Errorf("%q asserts nothing", sentence)
	}
	for _, c := range asserted {
		if why := e.Refute(c); why != "" {
			t.Errorf("%q: %s: %s", sentence, c.Kind, why)
		}
	}
	for _, name := range quoted.FindAllStringSubmatch(sentence.String(), -1) {
		if must && !slices.ContainsFunc(asserted, func(c claims.Claim) bool { return e.names(c, name[1]) }) {
			t.Errorf("%q asserts nothing about %q", sentence, name[1])
		}
	}
}

// quoted matches the name of a rule, a group or a prefix list in a sentence.
var quoted = regexp.MustCompile(`"([^"]+)"`)

// names reports whether a claim is about a rule, a group or a prefix list of that name.
func (e *Evidence) names(c claims.Claim, name string) bool {
	rule, _ := e.rule(c.Rule)
	return slices.Contains([]string{c.By.ID, rule.ID, c.Group}, name)
}

// Refute returns why the events contradict a claim, or nothing.
func (e *Evidence) Refute(c claims.Claim) string {
	check, known := checks[c.Kind]
	if !known {
		return "an unknown kind of claim"
	}
	if err := check(e, c); err != nil {
		return err.Error()
	}
	return ""
}

// checks has a check for each kind of claim.
var checks = map[claims.Kind]func(*Evidence, claims.Claim) error{
	claims.Decided:     (*Evidence).decided,
	claims.NoEntry:     (*Evidence).noEntry,
	claims.Created:     (*Evidence).created,
	claims.Carried:     (*Evidence).carried,
	claims.Unreplied:   (*Evidence).unreplied,
	claims.Tracked:     (*Evidence).tracked,
	claims.EntryGone:   (*Evidence).gone,
	claims.Appeared:    (*Evidence).appeared,
	claims.Ended:       (*Evidence).ended,
	claims.Left:        (*Evidence).left,
	claims.Unseen:      (*Evidence).unseen,
	claims.Closed:      (*Evidence).closed,
	claims.Opened:      (*Evidence).opened,
	claims.Outlived:    (*Evidence).outlived,
	claims.ACLChanged:  (*Evidence).aclChanged,
	claims.NotLoose:    (*Evidence).notLoose,
	claims.OpenToWorld: (*Evidence).openToWorld,
	claims.AllReplies:  (*Evidence).allReplies,
	claims.SameFlow:    (*Evidence).sameFlow,
	claims.OtherFlow:   (*Evidence).otherFlow,
	claims.Became:      (*Evidence).became,
	claims.Masqueraded: (*Evidence).masqueraded,
	claims.HasModel:    (*Evidence).hasModel,
	claims.Forged:      (*Evidence).forged,
}

// eachPacket checks the verdict on each of the packets of a claim.
func (e *Evidence) eachPacket(c claims.Claim, check func(v verdict) error) error {
	if c.Event > 0 {
		c.First, c.Last = 1, 1
	}
	if c.First < 1 || c.Last < c.First {
		return fmt.Errorf("packets %d to %d", c.First, c.Last)
	}
	for seq := c.First; seq <= c.Last; seq++ {
		v, found := e.verdict(c, seq)
		if !found {
			return fmt.Errorf("no verdict on packet %d", seq)
		}
		if err := check(v); err != nil {
			return fmt.Errorf("packet %d: %w", seq, err)
		}
	}
	return nil
}

func (e *Evidence) decided(c claims.Claim) error {
	return e.eachPacket(c, func(v verdict) error {
		if v.State != c.State || v.Accepted != c.Accepted || v.By != c.By {
			return fmt.Errorf("%s, accepted: %v, by %+v", v.State, v.Accepted, v.By)
		}
		return nil
	})
}

func (e *Evidence) noEntry(c claims.Claim) error {
	return e.eachPacket(c, func(v verdict) error {
		if there := e.entryAt(v, c.Host); there != nil {
			return fmt.Errorf("entry %d existed from event %d to %d", there.id, there.begin, there.end)
		}
		return nil
	})
}

func (e *Evidence) created(c claims.Claim) error {
	entry, v, err := e.entryAndFirst(c)
	switch {
	case err != nil:
		return err
	case v.State != "new" || !v.Accepted:
		return fmt.Errorf("packet %d was %s, accepted: %v", c.First, v.State, v.Accepted)
	case v.Number != c.Rule || entry.marks[0].number != c.Rule:
		return fmt.Errorf("rule %d accepted the packet, and the mark is %d", v.Number, entry.marks[0].number)
	case entry.begin < v.at || v.at != int(c.Entry.Creator):
		return fmt.Errorf("the entry was reported at event %d, before the verdict at %d", entry.begin, v.at)
	}
	for at := e.endBefore(entry, c.Host) + 1; at < v.at; at++ {
		if o, is := e.judged(at, c.Host); is && o.State == "new" && o.Accepted && canonical(o.Packet.Key()) == entry.flow() && !e.stuck(at, o) {
			return fmt.Errorf("an earlier packet, of event %d, created it", at)
		}
	}
	return nil
}

// stuck reports whether a packet that a host's inbound rules accepted was dropped there after all: by
// its outbound rules.
func (e *Evidence) stuck(at int, v timeline.Judged) bool {
	for later := at + 1; v.Forwarded && later < len(e.events); later++ {
		if o, is := e.judged(later, v.Host); is && o.Forwarded && o.Packet == v.Packet && o.Direction == packet.Egress {
			return !o.Accepted
		}
	}
	return false
}

func (e *Evidence) carried(c claims.Claim) error {
	entry, err := e.entry(c.Entry)
	if err != nil {
		return err
	}
	if c.Other != "" || c.Rule != 0 {
		creator, is := e.judged(int(c.Entry.Creator), c.Host)
		created := is && creator.State == "new" && creator.Accepted && canonical(creator.Packet.Key()) == entry.flow() && int(c.Entry.Creator) < entry.begin
		if !created || creator.Stream != c.Other || creator.Number != c.Rule {
			return fmt.Errorf("it was not created by a packet of stream %q that rule %d accepted", c.Other, c.Rule)
		}
	}
	return e.eachPacket(c, func(v verdict) error {
		switch {
		case v.State != "established" || !v.Accepted || v.Kind != packet.ByEstablished:
			return fmt.Errorf("%s, accepted: %v, by %s", v.State, v.Accepted, v.ID)
		case canonical(v.Packet.Key()) != entry.flow():
			return fmt.Errorf("%s is not of its flow", v.Packet)
		}
		return e.during(entry, v)
	})
}

func (e *Evidence) unreplied(c claims.Claim) error {
	entry, err := e.entry(c.Entry)
	if err != nil {
		return err
	}
	return e.eachPacket(c, func(v verdict) error {
		if entry.replied != 0 && entry.replied < v.at {
			return fmt.Errorf("it had seen a reply by event %d", entry.replied)
		}
		return e.during(entry, v)
	})
}

func (e *Evidence) tracked(c claims.Claim) error {
	entry, v, err := e.entryAndFirst(c)
	if err != nil {
		return err
	}
	return e.during(entry, v)
}

func (e *Evidence) gone(c claims.Claim) error {
	entry, v, err := e.entryAndFirst(c)
	if err != nil {
		return err
	}
	if !e.endedBefore(entry, v) {
		return fmt.Errorf("it ended at event %d, and packet %d was decided about at %d", entry.end, c.First, v.at)
	}
	if other := e.entryAt(v, c.Host); other != nil && other != entry {
		return fmt.Errorf("another entry was there, from event %d to %d", other.begin, other.end)
	}
	if ending := e.ending(entry); ending != c.Ending {
		return fmt.Errorf("it is %s rather than %s", ending, c.Ending)
	}
	return nil
}

func (e *Evidence) appeared(c claims.Claim) error {
	entry, err := e.entry(c.Entry)
	switch {
	case err != nil:
		return err
	case entry.begin != int(c.Event) || entry.marks[0].number != c.Rule:
		return fmt.Errorf("it was reported at event %d, with mark %d", entry.begin, entry.marks[0].number)
	}
	return nil
}

func (e *Evidence) ended(c claims.Claim) error {
	entry, err := e.entry(c.Entry)
	switch {
	case err != nil:
		return err
	case entry.end != int(c.Event):
		return fmt.Errorf("its end was reported at event %d", entry.end)
	case e.ending(entry) != c.Ending:
		return fmt.Errorf("it is %s rather than %s", e.ending(entry), c.Ending)
	}
	return nil
}

func (e *Evidence) unseen(c claims.Claim) error {
	const patience = time.Second
	sent := e.events[c.Event]
	if s, is := sent.Body.(timeline.Sent); !is || s.Stream != c.Stream || s.Seq != c.First {
		return fmt.Errorf("event %d is %+v", c.Event, sent.Body)
	}
	for at := range e.events {
		v, is := e.events[at].Body.(timeline.Judged)
		if is && v.Stream == c.Stream && v.Seq == c.First && e.events[at].At < sent.At+patience {
			return fmt.Errorf("there is a verdict at event %d", at)
		}
	}
	return nil
}

func (e *Evidence) aclChanged(c claims.Claim) error {
	v, found := e.verdict(c, c.First)
	if !found {
		return fmt.Errorf("no verdict on packet %d", c.First)
	}
	last := 0
	for i := range v.at {
		if a, is := e.events[i].Body.(timeline.ACLChanged); is && a.Host == c.Host {
			last = i
		}
	}
	if last != int(c.Change) {
		return fmt.Errorf("it changed at event %d, not %d", last, c.Change)
	}
	return nil
}

func (e *Evidence) notLoose(c claims.Claim) error {
	v, found := e.verdict(c, c.First)
	if !found {
		return fmt.Errorf("no verdict on packet %d", c.First)
	}
	loose := e.loose(c.Host)
	for i := range v.at {
		if configured, is := e.events[i].Body.(timeline.Configured); is {
			loose = configured.Loose
		}
	}
	if loose {
		return fmt.Errorf("it does")
	}
	return nil
}

// loose reports whether conntrack of a host picked up connections mid-stream at first.
func (e *Evidence) loose(host string) bool {
	t := e.host(host).Enforcement().Traits()
	return t.Loose != nil && *t.Loose
}

// host returns what a timeline begins with about a host.
func (e *Evidence) host(name string) timeline.Host {
	for i := range e.events {
		if begun, is := e.events[i].Body.(timeline.Begun); is {
			for _, h := range begun.Hosts {
				if h.Name == name {
					return h
				}
			}
		}
	}
	return timeline.Host{}
}

func (e *Evidence) hasModel(c claims.Claim) error {
	if model := cmp.Or(e.host(c.Host).Model, "aws"); model != c.Other {
		return fmt.Errorf("%s has model %s", c.Host, model)
	}
	return nil
}

func (e *Evidence) allReplies(c claims.Claim) error {
	places := map[int]map[string]bool{}
	answered := 0
	for i := range e.events {
		switch body := e.events[i].Body.(type) {
		case timeline.Judged:
			if body.Stream != c.Stream || !body.Reply || body.Seq < 1 {
				continue
			}
			if body.State != c.State || !body.Accepted || body.Kind != packet.ByEstablished {
				return fmt.Errorf("the reply to packet %d was %s to %s, accepted: %v", body.Seq, body.State, body.Host, body.Accepted)
			}
			for seq := body.Seq; seq <= max(body.Seq, body.Last); seq++ {
				if places[seq] == nil {
					places[seq] = map[string]bool{}
				}
				places[seq][body.Host] = true
			}
		case timeline.Replied:
			if body.Stream == c.Stream {
				answered++
			}
		}
	}
	if answered == 0 {
		return fmt.Errorf("there were no replies")
	}
	for i := range e.events {
		if r, is := e.events[i].Body.(timeline.Replied); is && r.Stream == c.Stream && len(places[r.Seq]) < 2 {
			return fmt.Errorf("the reply to packet %d was seen at %d places", r.Seq, len(places[r.Seq]))
		}
	}
	return nil
}

func (e *Evidence) masqueraded(c claims.Claim) error {
	x, err := e.entry(c.Entry)
	if err != nil {
		return err
	}
	changed, _ := e.events[x.begin].Body.(timeline.EntryChanged)
	entry := changed.Entry
	redirected := entry.Reply.Source != entry.Orig.Destination || entry.Reply.SourcePort != entry.Orig.DestinationPort
	if redirected && entry.Reply.Source.String() == c.Other {
		return nil
	}
	if mask := entry.Reply.Destination.String(); mask != c.Other || mask == x.orig.Source.String() {
		return fmt.Errorf("the source was %s, and became %s", x.orig.Source, mask)
	}
	return nil
}

func (e *Evidence) forged(c claims.Claim) error {
	x, err := e.entry(c.Entry)
	if err != nil {
		return err
	}
	f, is := e.events[c.Change].Body.(timeline.Forged)
	if !is || f.Host != c.Other || f.Packet.Key() != x.orig || c.Entry.Creator <= c.Change {
		return fmt.Errorf("event %d does not report that %s forged %s", c.Change, c.Other, x.orig)
	}
	return nil
}

func (e *Evidence) sameFlow(c claims.Claim) error {
	if one, other := e.flow(c.Stream), e.flow(c.Other); one != other {
		return fmt.Errorf("%+v is not %+v", one, other)
	}
	return nil
}

func (e *Evidence) otherFlow(c claims.Claim) error {
	if one := e.flow(c.Stream); one == e.flow(c.Other) {
		return fmt.Errorf("both are %+v", one)
	}
	return nil
}

// flow returns what identifies a stream's flow.
func (e *Evidence) flow(stream string) (s timeline.StreamStarted) {
	for i := range e.events {
		if started, is := e.events[i].Body.(timeline.StreamStarted); is && started.Stream == stream {
			s = started
		}
	}
	s.Stream = ""
	return s
}
