package course_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/flow"
	"lablab/lab"
	"lablab/packet"
	"lablab/play"
	"lablab/report"
	"lablab/scenario"
	"lablab/sim"
	"lablab/timeline"
)

// compare fails the test unless memory shows what the kernel did, but for what depends on time. On a
// busy machine, a segment that TCP repeats may fall into the next experiment. So if they differ, the
// kernel gets more chances.
func compare(t *testing.T, sc *scenario.Scenario, interval time.Duration, kernel []timeline.Event) {
	t.Helper()
	if diff := differing(t, sc, interval, kernel); diff != "" {
		t.Errorf("on the kernel (-), in memory (+):\n%s", diff)
		keep(t, kernel)
	}
}

// differing returns how memory differs from the kernel, or nothing.
func differing(t *testing.T, sc *scenario.Scenario, interval time.Duration, kernel []timeline.Event) string {
	t.Helper()
	if sim.Check(sc) != nil {
		return ""
	}
	log := timeline.NewLog()
	if err := play.Run(t.Context(), sim.Target{Interval: interval}, sc, log); err != nil {
		t.Fatal(err)
	}
	memory := log.Events()
	diff := difference(kernel, memory)
	for chances := 3; diff != "" && chances > 0; chances-- {
		log := timeline.NewLog()
		if err := lab.Run(t.Context(), sc, lab.Options{Interval: interval}, log); err != nil {
			t.Fatal(err)
		}
		kernel = log.Events()
		diff = difference(kernel, memory)
	}
	return diff
}

// difference returns how the outcomes of two runs of a scenario differ.
func difference(kernel, memory []timeline.Event) string {
	early := hasty(kernel)
	return cmp.Diff(strings.Split(outcome(kernel, early), "\n"), strings.Split(outcome(memory, early), "\n"))
}

// A sent is a packet of a stream.
type sent struct {
	stream string
	seq    int
}

// hasty returns the packets that left before the reply to the one before had come: they may still be
// new to a host. A stream that is released may send two packets within less than its interval.
func hasty(events []timeline.Event) map[sent]bool {
	early, waiting := map[sent]bool{}, map[string]bool{}
	for _, e := range events {
		switch body := e.Body.(type) {
		case timeline.Sent:
			early[sent{body.Stream, body.Seq}] = waiting[body.Stream]
			waiting[body.Stream] = true
		case timeline.Replied:
			waiting[body.Stream] = false
		}
	}
	return early
}

// outcome returns what does not depend on time in a timeline: for each experiment, what became of
// each stream's packets, the verdicts on them and the entries at its end.
func outcome(events []timeline.Event, early map[sent]bool) string {
	var b strings.Builder
	r := report.Of(events)
	someEarly := map[string]bool{}
	for packet, is := range early {
		someEarly[packet.stream] = someEarly[packet.stream] || is
	}
	for _, x := range r.Experiments {
		fmt.Fprintf(&b, "experiment %d\n", x.Number)
		for _, s := range r.Streams {
			counts := map[report.Outcome]int{}
			for _, p := range s.Packets {
				if p.Outcome == report.Late { // this machine was busy
					p.Outcome = report.Replied
				}
				if p.Experiment == x.Number {
					counts[p.Outcome]++
				}
			}
			if len(counts) > 0 {
				fmt.Fprintf(&b, " stream %s: %v\n", s.Name, counts)
			}
		}
		for _, p := range x.Predictions {
			if someEarly[p.Stream] {
				continue // what decided about its packets may differ
			}
			fmt.Fprintf(&b, " %s: %s: %v, %s\n", p.Subject, p.Predicted, p.Held, hits.ReplaceAllString(p.Observed.String(), "hit"))
		}
		for _, line := range lines(events, x.Number, early) {
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}

// hits matches how often a rule has accepted: TCP may send a segment more, or fewer.
var hits = regexp.MustCompile(`hit (\d+ times|once|twice)`)

// lines describes the verdicts of an experiment, and its entries, one line each, without repetition.
func lines(events []timeline.Event, experiment int, early map[sent]bool) []string {
	tcp := map[string]bool{}
	keys, stopped := map[string]packet.Key{}, map[packet.Key]bool{} // of streams
	var list []string
	for _, e := range events {
		switch body := e.Body.(type) {
		case timeline.StreamStarted:
			tcp[body.Stream] = body.Protocol == packet.TCP
			keys[body.Stream] = packet.Key{Protocol: body.Protocol, Source: body.Source, Destination: body.Target, SourcePort: body.SourcePort, DestinationPort: body.Port, ICMPID: body.ICMPID}
		case timeline.StreamStopped:
			stopped[keys[body.Stream]] = true
		}
		if e.Experiment != experiment {
			continue
		}
		switch body := e.Body.(type) {
		case timeline.Judged:
			if body.Stream == "" || body.Seq == 0 || tcp[body.Stream] || early[sent{body.Stream, body.Seq}] {
				continue
			}
			list = append(list, fmt.Sprintf(" %s %d at %s %s, reply %v, %d bytes: %s, accepted %v by %s %d", body.Stream, body.Seq, body.Host, body.Direction, body.Reply, body.Packet.Size, body.State, body.Accepted, body.ID, body.Number))
		case timeline.EntryChanged:
			if body.Change != flow.Update && !byChance(body.Entry.Orig) {
				list = append(list, fmt.Sprintf(" %s at %s: %s", body.Change, body.Host, body.Entry.Orig))
			}
		case timeline.Cut:
			if !byChance(body.Flow) {
				list = append(list, fmt.Sprintf(" %s cut at %s: %s", body.Flow, body.Host, body.Why))
			}
		case timeline.Dumped:
			for _, entry := range body.Entries {
				if stopped[entry.Orig] && entry.Orig.Protocol == packet.TCP { // its server may send again, whenever that is
					entry.TCP, entry.Status = "", nil
				}
				if !byChance(entry.Orig) {
					list = append(list, " "+body.Host+": "+describe(entry))
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// byChance reports whether an entry is there by chance: it is of the kernel lab's self-check, or of a
// connection that a server's retransmission began again, whenever that came.
func byChance(k packet.Key) bool {
	const discard, firstSource = 9, 41001
	return k.DestinationPort == discard || k.Protocol == packet.TCP && k.DestinationPort >= firstSource
}

// describe returns what does not depend on time in an entry.
func describe(e flow.Entry) string {
	packets := fmt.Sprintf("%d and %d packets", e.Sent.Packets, e.Got.Packets)
	if e.Orig.Protocol == packet.TCP {
		packets = e.TCP
	}
	// UDP is assured after two seconds, and TCP that was picked up by one acknowledgement more.
	status := slices.DeleteFunc(slices.Clone(e.Status), func(s string) bool { return s == "ASSURED" })
	return fmt.Sprintf("%s, %s, mark %d %d, untracked %v, %v, %s", e.Orig, e.Reply, e.Mark, e.Released, e.Untracked, status, packets)
}
