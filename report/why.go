package report

import (
	"lablab/flow"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
)

// why explains what the evidence shows, stream by stream. Every sentence rests on a verdict, entry
// or event.
func (b *Builder) why() []Paragraph {
	var paragraphs []Paragraph
	var l lessons
	for i := range b.streams {
		s := &b.streams[i]
		if s.Sent == 0 {
			continue
		}
		t := b.explainer(s, &l)
		t.explain()
		paragraphs = append(paragraphs, t.Paragraph)
	}
	b.learnSilent(&l)
	if conclusion := l.conclusion(); len(conclusion.Sentences) > 0 {
		paragraphs = append(paragraphs, conclusion)
	}
	return paragraphs
}

// An explainer tells the story of one stream.
type explainer struct {
	*Builder
	Paragraph
	stream     *Stream
	flow       packet.Key // its requests
	lessons    *lessons
	was        *run // what was explained before, at the same place
	experiment int  // to explain, or 0 for the whole run
}

func (b *Builder) explainer(s *Stream, l *lessons) *explainer {
	return &explainer{
		Builder: b, stream: s, lessons: l, flow: b.flow(s),
		Paragraph: Paragraph{Subject: say.F("Stream %s (%s)", s.Name, s.What()), Stream: s.Name},
	}
}

func (t *explainer) explain() {
	t.departures()
	t.anotherFlow()
	t.passages()
	t.arrivals()
	there, here := t.replies()
	t.plainReplies(there, here)
	t.otherReplies(there, here)
	t.unproved()
}

// departures explains what happened to packets where they left.
func (t *explainer) departures() {
	for _, r := range t.runs(t.stream.From, packet.Egress, false) {
		t.departure(r)
	}
}

// arrivals explains what happened to packets where they arrived.
func (t *explainer) arrivals() {
	for runs := t.runs(t.stream.To, packet.Ingress, false); len(runs) > 0; {
		n := t.renewals(runs)
		if n > 1 {
			t.renewed(runs[:n])
		} else {
			n = 1
			t.arrival(runs[0])
		}
		t.was, runs = &runs[n-1], runs[n:]
	}
}

// departure explains packets that did not leave.
func (t *explainer) departure(r run) {
	switch {
	case r.accepted():
	case t.byModel(r):
		t.explainModel(r, t.they(r))
	case r.Kind == packet.ByRuleset:
		t.ruled(r, t.they(r))
	case r.Kind == packet.ByACL:
		t.say(t.of(r), "%s never left %s: its network ACL (%s) dropped %s.", t.they(r), r.Host, t.byACL(r), them(r))
	default:
		t.say(t.of(r), "%s never left %s: no outbound rule allows %s%s, so its own firewall dropped %s.",
			t.they(r), r.Host, them(r), t.closed(r), them(r))
	}
}

// arrival explains what happened to packets where they arrived.
func (t *explainer) arrival(r run) {
	t.otherACL(r)
	switch {
	case t.byModel(r):
		t.explainModel(r, t.they(r))
	case r.Kind == packet.ByRuleset:
		t.ruled(r, t.they(r))
	case r.Kind == packet.ByACL && !r.accepted():
		t.stateless(r, t.they(r))
	case r.State == packet.New && r.accepted() && t.policy.numbers[r.Number] != nil:
		t.admitted(r)
	case r.State == packet.New && !r.accepted():
		t.notAdmitted(r)
	case r.State == packet.Established && r.accepted():
		t.established(r)
	case r.State == packet.Untracked && r.accepted():
		t.untracked(r)
	case r.State == packet.Untracked && r.Kind == packet.ByDefault:
		t.say(t.of(r), "%s %s UNTRACKED on %s and no rule matched%s: default deny dropped %s.", t.they(r), were(r), r.Host, t.closed(r), them(r))
	case r.State == packet.Invalid:
		t.invalid(r)
	case r.accepted():
		t.say(t.of(r), "%s %s %s to %s and accepted by rule %q.", t.they(r), were(r), state(r), r.Host, r.ID)
	default:
		t.say(t.of(r), "%s %s %s to %s and dropped by %s.", t.they(r), were(r), state(r), r.Host, r.ID)
	}
	if !r.accepted() && r.Kind != packet.ByACL && t.was != nil && t.was.State == packet.Untracked {
		t.lessons.untracked.learn(t.of(r), t.was.decided(), r.decided())
	}
}

// stateless explains packets that a network ACL dropped.
func (t *explainer) stateless(r run, what phrase) {
	t.say(t.of(r), "%s %s %s to %s, but its network ACL (%s) dropped %s: a network ACL is stateless.",
		what, were(r), state(r), r.Host, t.byACL(r), them(r))
	if r.State == packet.Established {
		t.lessons.stateless.learn(t.of(r), r.decided())
	}
}

// otherACL reports a change of the network ACL after which packets pass.
func (t *explainer) otherACL(r run) {
	if t.was == nil || t.was.accepted() || t.was.Kind != packet.ByACL || !r.accepted() && r.Kind == packet.ByACL {
		return
	}
	c, found := t.policy.aclAt(r.first.when, r.Host)
	if !found || c.seq < t.was.last.seq {
		return
	}
	changed := r.claim(claims.Claim{Kind: claims.ACLChanged, Change: c.seq})
	if c.acl == nil {
		t.say(t.of(r), "%s was removed%s.", phrase{say.F("%s's network ACL", r.Host), changed}, t.inExperiment(c.experiment))
	} else {
		t.say(t.of(r), "%s was replaced%s.", phrase{say.F("%s's network ACL", r.Host), changed}, t.inExperiment(c.experiment))
	}
}

// admitted explains packets that were NEW and accepted. The first creates an entry; the others
// belong to it.
func (t *explainer) admitted(r run) {
	rest, they := run{}, t.they(r)
	if r.entry != nil && r.entry.creator.seq != r.first.seq {
		t.unreplied(r)
		return
	}
	if r.entry != nil {
		rest = r
		rest.First, r.Last, r.last = r.First+1, r.First, r.first
		they = t.they(r)
		they.claims = append(they.claims, r.claim(claims.Claim{Kind: claims.Created, Entry: r.entry.ref(), Rule: r.Number})...)
	}
	rule, opened, gone := t.policy.numbers[r.Number], t.openedAgain(r), t.gone(r)
	droppedBefore := t.was != nil && t.was.State == packet.New && !t.was.accepted()
	switch {
	case droppedBefore && !opened.Empty():
		t.say(t.of(r), "%s %s NEW too, but by then rule %q allowed %s: %s.", they, were(r), r.ID, them(r), opened)
	case droppedBefore:
		t.say(t.of(r), "%s %s NEW too, but rule %q allowed %s.", they, were(r), r.ID, them(r))
	case t.was != nil && !gone.Empty():
		t.say(t.of(r), "%s %s NEW again: %s, so the rules were checked again, and rule %q allowed %s.", they, were(r), gone, r.ID, them(r))
	case !gone.Empty():
		t.say(t.of(r), "%s %s NEW: %s, so the rules were checked, and rule %q (%s) allowed %s.", they, were(r), gone, r.ID, rule.Rule.Rule, them(r))
	case r.entry == nil:
		t.say(t.of(r), "%s %s NEW to %s, so the rules were checked, and rule %q (%s) allowed %s.",
			they, were(r), r.Host, r.ID, rule.Rule.Rule, them(r))
	default:
		they.claims = append(they.claims, r.claim(claims.Claim{Kind: claims.NoEntry})...)
		t.say(t.of(r), "%s %s NEW to %s: conntrack had no entry, so the rules were checked, and rule %q (%s) allowed %s.",
			they, were(r), r.Host, r.ID, rule.Rule.Rule, them(r))
	}
	if rest.Last > r.Last {
		t.unreplied(rest)
	}
}

// renewals returns how many packets at the beginning of runs created an entry each because the one
// before had ended with its connection, as when each attempt to connect is rejected.
func (t *explainer) renewals(runs []run) (n int) {
	if t.was == nil || !t.was.accepted() {
		return 0
	}
	for _, r := range runs {
		before := t.lives.previous(r.first.when, r.Host, t.flow, r.entry)
		created := r.State == packet.New && r.accepted() && r.First == r.Last && r.entry != nil && r.entry.creator.seq == r.first.seq
		if !created || before == nil || before.end() != claims.Closing || r.By != runs[0].By || r.First != runs[0].First+n {
			break
		}
		n++
	}
	return n
}

// renewed explains packets that created an entry each.
func (t *explainer) renewed(runs []run) {
	all := runs[0]
	all.Last, all.last = runs[len(runs)-1].Last, runs[len(runs)-1].last
	they := t.they(all)
	for _, r := range runs {
		they.claims = append(they.claims, t.gone(r).claims...)
		they.claims = append(they.claims, r.claim(claims.Claim{Kind: claims.Created, Entry: r.entry.ref(), Rule: r.Number})...)
	}
	t.say(t.of(all), "%s %s NEW again: each time, %s's conntrack entry had ended with its connection, so the rules were checked again, and rule %q allowed %s.",
		they, were(all), all.Host, all.ID, them(all))
}

// unreplied explains packets that were NEW and accepted although they had an entry.
func (t *explainer) unreplied(r run) {
	unreplied := r.claim(claims.Claim{Kind: claims.Unreplied, Entry: r.entry.ref()})
	t.say(t.of(r), "%s %s NEW as well: conntrack had seen no reply, so %s's entry was UNREPLIED, and rule %q had to allow %s.",
		phrase{t.they(r).Sentence, append(t.they(r).claims, unreplied...)}, were(r), r.Host, r.ID, them(r))
	t.lessons.unreplied.learn(t.of(r), unreplied...)
}

// notAdmitted explains packets that were NEW and dropped.
func (t *explainer) notAdmitted(r run) {
	closed := t.closed(r)
	gone := phrase{}
	if t.was == nil || t.was.State != packet.New || t.was.accepted() {
		gone = t.gone(r)
	}
	switch {
	case r.entry != nil:
		unreplied := r.claim(claims.Claim{Kind: claims.Unreplied, Entry: r.entry.ref()})
		t.say(t.of(r), "%s %s NEW: conntrack had seen no reply, so %s's entry was UNREPLIED, and no rule matched%s: default deny dropped %s.",
			phrase{t.they(r).Sentence, append(t.they(r).claims, unreplied...)}, were(r), r.Host, closed, them(r))
		t.lessons.unreplied.learn(t.of(r), unreplied...)
	case t.was != nil && !gone.Empty():
		t.say(t.of(r), "%s %s NEW again: %s, and no rule matched%s: default deny dropped %s.", t.they(r), were(r), gone, closed, them(r))
		t.lessons.forgotten.learn(t.of(r), gone.claims...)
	case !gone.Empty():
		t.say(t.of(r), "%s %s NEW: %s, and no rule matched%s: default deny dropped %s.", t.they(r), were(r), gone, closed, them(r))
	default:
		t.say(t.of(r), "%s %s NEW to %s and no rule matched%s: default deny dropped %s.", t.they(r), were(r), r.Host, closed, them(r))
	}
	t.lessons.dropped.learn(t.of(r), r.decided())
	t.entriesOfDropped(r)
}

// entriesOfDropped says which host had an entry for packets that were dropped as NEW.
func (t *explainer) entriesOfDropped(r run) {
	there, looked := t.entryAt(r, r.Host)
	if there == nil && looked && r.entry == nil && r.First < r.Last {
		none := r.claim(claims.Claim{Kind: claims.NoEntry})
		t.say(t.of(r), "%s does not remember what it drops, so every packet was new again.", phrase{say.As(r.Host), none})
	}
	here, _ := t.entryAt(r, t.stream.From)
	if here == nil || slices.Contains(here.Status, flow.SeenReply) || here.AdmittingNumber == 0 {
		return
	}
	if l := t.lives.before(r.last.when, t.stream.From, t.flow); l != nil && !l.repliedBy(r.last.when) {
		unreplied := claims.Claim{
			Kind: claims.Unreplied, Stream: t.stream.Name, First: r.Last, Last: r.Last, Host: l.host, Direction: packet.Egress,
			Entry: l.ref(), Rule: here.AdmittingNumber,
		}
		t.say(t.of(r), "%s, the sender, kept an UNREPLIED entry, admitted by its outbound rule %q.", phrase{say.As(l.host), []claims.Claim{unreplied}}, *here.AdmittedBy)
	}
}

// established explains packets that conntrack accepted.
func (t *explainer) established(r run) {
	they := t.they(r)
	var creator creation
	if r.entry != nil {
		creator = r.entry.creator
		they.claims = append(they.claims, r.claim(claims.Claim{Kind: claims.Carried, Entry: r.entry.ref(), Other: creator.stream, Rule: creator.by.Number})...)
	}
	switch {
	case creator.stream != "" && creator.stream != t.stream.Name:
		t.say(t.of(r), "%s %s ESTABLISHED: %s still had the conntrack entry of stream %s, so %s accepted without checking the security-group rules.",
			they, were(r), r.Host, creator.stream, theyWere(r))
		if t.was == nil {
			t.lessons.same.learn(t.of(r), they.claims...)
		}
	case creator.stream != "" && creator.answer:
		t.say(t.of(r), "%s %s ESTABLISHED, in another entry: %s itself had created one when its outbound rule %q allowed what it sent, so %s accepted without checking the security-group rules.",
			they, were(r), r.Host, creator.by.ID, theyWere(r))
	default:
		t.say(t.of(r), "%s %s ESTABLISHED: conntrack had an entry, so %s accepted without checking the security-group rules.",
			they, were(r), theyWere(r))
	}
	t.outlived(r)
}

// outlived says which changes the entry of established packets outlived.
func (t *explainer) outlived(r run) {
	if r.entry != nil {
		t.outlivedBy(r, r.entry.admittedBy(r.first.seq))
	}
}

// outlivedBy says which changes of one of its rules the entry of established packets outlived.
func (t *explainer) outlivedBy(r run, number uint32) {
	for _, gap := range t.policy.lapsed(r.entry, number) {
		after, found := t.between(r, gap)
		if !found || !r.entry.isOf(number, after.first.seq) {
			continue
		}
		after = t.whileOf(after, number)
		c := gap.from
		outlived := after.claimChange(claims.Outlived, c)
		outlived[0].Entry = r.entry.ref()
		doing, shown := c.doing(), &t.lessons.removed
		switch c.cause {
		case ruleRevoked:
			shown = &t.lessons.revoked
		case peerLeft:
			shown = &t.lessons.member
		case peerUnlisted:
			shown = &lesson{}
		}
		if c.cause == peerLeft || c.cause == peerUnlisted {
			t.say(t.of(after), "So %s%s changed nothing for %s: rule %q no longer matched, but the conntrack entry was still there.",
				phrase{doing, outlived}, t.inExperiment(c.experiment), seqs(after), c.rule.ID)
		} else {
			t.say(t.of(after), "So %s%s changed nothing for %s: the rule that admitted the flow was gone, the conntrack entry was not.",
				phrase{doing, outlived}, t.inExperiment(c.experiment), seqs(after))
		}
		shown.learn(t.of(after), outlived...)
	}
}

// untracked explains packets of a flow that EC2 would not track.
func (t *explainer) untracked(r run) {
	if t.was != nil && t.was.entry != nil && t.was.entry.end() == claims.Untracked {
		gone := r.claim(claims.Claim{Kind: claims.EntryGone, Entry: t.was.entry.ref(), Ending: claims.Untracked})
		t.say(t.of(r), "%s's conntrack entry for the flow ended, because such flows are no longer tracked there.", phrase{say.As(r.Host), gone})
	}
	r, rest := t.untilOtherwise(r)
	if rest != nil {
		defer t.untracked(*rest)
	}
	they := t.they(r)
	if !t.policy.untracked(r.first.when, r.first.Judged) {
		t.say(t.of(r), "%s %s still UNTRACKED on %s, since a flow stays untracked: rule %q allowed each packet by itself.", they, were(r), r.Host, r.ID)
		return
	}
	they.claims = append(they.claims, r.claim(claims.Claim{Kind: claims.OpenToWorld})...)
	if opened := t.openedAgain(r); !opened.Empty() {
		t.say(t.of(r), "%s %s UNTRACKED on %s, which is open to the world for %s both ways, so rule %q allowed each packet by itself: %s.",
			they, were(r), r.Host, them(r), r.ID, opened)
		return
	}
	t.say(t.of(r), "%s %s UNTRACKED on %s, which is open to the world for %s both ways, so rule %q allowed each packet by itself.",
		they, were(r), r.Host, them(r), r.ID)
}

// untilOtherwise returns the first packets of a run that were all, or all were not, of a flow that
// EC2 would not track if it began then, and the rest, if there is one.
func (t *explainer) untilOtherwise(r run) (head run, rest *run) {
	head = r
	open := t.policy.untracked(r.first.when, r.first.Judged)
	for seq := r.First; seq <= r.Last; seq++ {
		v := t.Builder.packets[t.stream.Name][seq-1].verdictAt(r.Host, r.Direction, r.first.Reply)
		if v == nil {
			continue
		}
		if t.policy.untracked(v.when, v.Judged) != open {
			r.First, r.first = seq, v
			return head, &r
		}
		head.Last, head.last = seq, v
	}
	return head, nil
}

// invalid explains packets that conntrack could not assign to a flow.
func (t *explainer) invalid(r run) {
	why := t.whyInvalid(r, past)
	switch {
	case r.accepted() && why.Empty():
		t.say(t.of(r), "%s %s INVALID to %s and accepted by rule %q.", t.they(r), were(r), r.Host, r.ID)
	case r.accepted():
		t.say(t.of(r), "%s %s INVALID: %s. Rule %q allowed %s all the same.", t.they(r), were(r), why, r.ID, them(r))
	case why.Empty():
		t.say(t.of(r), "%s %s INVALID to %s and no rule matched%s: default deny dropped %s.", t.they(r), were(r), r.Host, t.closed(r), them(r))
	default:
		t.say(t.of(r), "%s %s INVALID: %s. No rule matched%s, so default deny dropped %s.", t.they(r), were(r), why, t.closed(r), them(r))
	}
}

// unproved lists packets whose fate was not seen.
func (t *explainer) unproved() {
	if at, n := t.sum(became(Stalled)); n > 0 {
		stalled := t.outcome(Stalled, n, say.N(n, "%d message stalled", "%d messages stalled"))
		if again := t.stream.Retransmitted; again > 0 && t.experiment == 0 {
			t.say(at, "The connection stayed open, but %s in it: its segments were dropped; TCP retransmitted %s, in vain.", stalled, timesWord(again))
		} else {
			t.say(at, "The connection stayed open, but %s in it: its segments were dropped.", stalled)
		}
	}
	if at, n := t.sum(belated); n > 0 && t.experiment == 0 {
		t.say(at, "%s of them got through later, once the path was open again: TCP had not given up.", t.outcome("belated", n, say.F("%d", n)))
	}
	if at, n := t.sum(became(Reset)); n > 0 {
		packets := t.outcome(Reset, n, say.N(n, "%d packet", "%d packets"))
		if _, connected := t.sum(connectionReset); connected == n {
			t.say(at, "For %s the sender was told that its connection is over.", packets)
		} else {
			t.say(at, "For %s the sender was told that the port is closed.", packets)
		}
	}
	if at, n := t.sum(lost); n > 0 {
		t.say(at, "%s neither answered nor seen dropped: lost beyond the rules, or missed.", t.outcome(Lost, n, say.N(n, "%d packet was", "%d packets were")))
	}
	if at, n := t.sum(became(Late)); n > 0 {
		t.say(at, "%s more than a second, which counts as answered.", t.outcome(Late, n, say.N(n, "%d reply took", "%d replies took")))
	}
}

// outcome names packets that had an outcome, and claims how many.
func (t *explainer) outcome(o Outcome, n int, words say.Sentence) phrase {
	return phrase{words, []claims.Claim{{Kind: claims.Became, Stream: t.stream.Name, Experiment: t.experiment, Outcome: string(o), Count: n}}}
}

// state returns the state of packets as people write it.
func state(r run) string { return strings.ToUpper(string(r.State)) }

// openedAgain says which change opened the way for packets after others were dropped, if that is
// known.
func (t *explainer) openedAgain(r run) phrase {
	if t.was == nil || t.was.accepted() {
		return phrase{}
	}
	return t.opened(t.was.last.when, r, past)
}
