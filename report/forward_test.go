package report_test

import (
	"strings"
	"testing"

	"lablab/internal/recordtest"
	"lablab/packet"
	"lablab/report"
	"lablab/timeline"
)

// What a host forwards is told from both sides of it, and the entries behind it belong to the
// stream although they have other addresses.
func TestForwarded(t *testing.T) {
	t.Parallel()
	events := recordtest.Read(t, "nat")
	r := report.Of(events)
	var why []string
	for _, p := range r.Why {
		for _, s := range p.Sentences {
			why = append(why, s.String())
		}
	}
	for _, want := range []string{
		"Packets 1–5 did not leave nat again: no outbound rule allows them, so default deny dropped them.",
		`Packet 6 left nat again: by then outbound rule "to-web" (tcp 80 0.0.0.0/0) allowed it: it had been authorized in experiment 2.`,
		"nat replaced the source of the flow by its own address: from there on, its packets come from 10.2.0.1.",
		"Packets 7–25 were ESTABLISHED to nat on the way: it had an entry, so it forwarded them without checking its rules.",
		`So revoking rule "from-network" in experiment 3 changed nothing for packets 16–25: the rule that admitted the flow was gone, the conntrack entry was not.`,
	} {
		if !strings.Contains(strings.Join(why, "\n"), want) {
			t.Errorf("not said: %s\n%s", want, strings.Join(why, "\n"))
		}
	}
	admitted := map[string]string{}
	for _, f := range r.Flows {
		if f.Experiment == 3 && f.Stream != nil && *f.Stream == "first" {
			admitted[f.Host] = f.Admission().String()
		}
	}
	if len(admitted) != 3 || admitted["nat"] != "forwarded, admitted by from-network (revoked in experiment 3), released by to-web" || admitted["web"] != "admitted by http" {
		t.Errorf("%v", admitted)
	}
	if r.Missed != (report.Missed{}) {
		t.Errorf("missed %+v", r.Missed)
	}
}

// One verdict of a host that forwards is not enough: the other was lost.
func TestForwardedAndLost(t *testing.T) {
	t.Parallel()
	var rest []timeline.Event
	for _, e := range recordtest.Read(t, "nat") {
		v, is := e.Body.(timeline.Judged)
		if is && v.Host == "nat" && v.Forwarded && v.Direction == packet.Egress && v.Stream == "first" && v.Seq == 12 && !v.Reply {
			continue
		}
		rest = append(rest, e)
	}
	if r := report.Of(rest); r.Missed.Verdicts != 1 {
		t.Errorf("missed %+v", r.Missed)
	}
}

// The subtitles of what a host forwards.
func TestForwardedNarration(t *testing.T) {
	t.Parallel()
	n := report.NewNarrator()
	for _, e := range recordtest.Read(t, "nat") {
		n.Add(e)
	}
	said := n.Said()
	for _, want := range []string{
		`leaves nat again: outbound rule "to-web" matches.`, "does not leave nat: dropped. No outbound rule matches.",
	} {
		found := false
		for _, s := range said.Subtitles {
			found = found || strings.Contains(strings.ReplaceAll(s.Words.String(), "\n", " "), want)
		}
		if !found {
			t.Errorf("not said: %s", want)
		}
	}
}
