package report

import (
	"slices"

	"lablab/flow"
	"lablab/packet"
	"lablab/timeline"
)

func (b *Builder) dumped(experiment int, body timeline.Dumped) {
	b.listed[listing{experiment, body.Host}] = true
	// If an experiment has several listings, the last one counts.
	b.report.Flows = slices.DeleteFunc(b.report.Flows, func(f Flow) bool { return f.Experiment == experiment && f.Host == body.Host })
	for _, e := range body.Entries {
		b.report.Flows = append(b.report.Flows, b.flowOf(experiment, body.Host, e))
	}
}

func (b *Builder) flowOf(experiment int, host string, e flow.Entry) Flow {
	f := Flow{orig: e.Orig, reply: e.Reply, Experiment: experiment, Entry: EntryOf(host, e), Stream: b.streamOf(e)}
	if rule := b.rule(e.Released); rule != nil {
		f.ReleasedBy, f.ReleaseRevokedIn, f.ReleasingGone = &rule.ID, rule.RevokedIn, rule.RevokedIn != nil
	}
	rule := b.rule(e.Mark)
	if rule == nil {
		f.AdmittedBy = b.admittedByRuleset(host, e)
		return f
	}
	f.AdmittedBy, f.RevokedIn, f.AdmittingGone = &rule.ID, rule.RevokedIn, rule.RevokedIn != nil
	if left, has := b.policy.left(host, rule.Group); has {
		f.GroupLeftIn = &left.experiment
	}
	if f.AdmittingGone {
		for _, r := range b.report.Rules {
			if r.RevokedIn == nil && r.Group == rule.Group && r.Direction == rule.Direction && r.Same(rule.Rule.Rule) {
				f.EqualSince = &r.AuthorizedIn
			}
		}
	}
	return f
}

// admittedByRuleset returns what accepted the first packet of an entry, if that was a host's own
// ruleset. Its entries do not say so themselves.
func (b *Builder) admittedByRuleset(host string, e flow.Entry) *string {
	l := b.lives.alive[entryID{host, e.ID}]
	if l == nil || l.creator.by.Kind != packet.ByRuleset {
		return nil
	}
	return &l.creator.by.ID
}

// streamOf returns the stream that a conntrack entry belongs to, or nil: the latest, if several had
// the same flow. The other end may have started the flow.
func (b *Builder) streamOf(e flow.Entry) *string {
	orig, reply := b.lives.translations.Before(e.Orig), b.lives.translations.Before(e.Reply)
	for i := len(b.streams) - 1; i >= 0; i-- {
		if b.streams[i].has(orig) || b.streams[i].has(reply) && !b.streams[i].IsPing() {
			return &b.streams[i].Name
		}
	}
	return nil
}

// has reports whether packets with that key are the stream's, in the forward direction.
func (s *Stream) has(k packet.Key) bool {
	return s.Protocol == k.Protocol.String() && s.ICMPID == k.ICMPID && s.Target == k.Destination.String() && (!s.source.IsValid() || s.source == k.Source) &&
		s.SourcePort == k.SourcePort && s.Port == k.DestinationPort
}

// SameFlow reports whether conntrack cannot tell the packets of two streams apart.
func (s *Stream) SameFlow(other Stream) bool {
	return s.Protocol == other.Protocol && s.From == other.From && s.To == other.To && s.ICMPID == other.ICMPID && s.SourcePort == other.SourcePort && s.Port == other.Port
}

// entryAt returns the stream's conntrack entry at a host when the experiment of r's last packet
// ended, or nil; and whether that host's entries were read then.
func (t *explainer) entryAt(r run, host string) (entry *Flow, looked bool) {
	if r.Last > len(t.stream.Packets) {
		return nil, false
	}
	experiment := t.stream.Packets[r.Last-1].Experiment
	for i := range t.report.Flows {
		f := &t.report.Flows[i]
		if f.Experiment == experiment && f.Host == host && !f.Untracked && f.Stream != nil && *f.Stream == t.stream.Name {
			return f, true
		}
	}
	return nil, t.listed[listing{experiment, host}]
}

func (b *Builder) counted(host string, c timeline.Counter) {
	key := counterKey{host, c.Direction, c.Number, c.Rule}
	if _, known := b.counters[key]; !known {
		b.order = append(b.order, key)
	}
	// A rule that left the host and came back counts from 0 again.
	if c.Packets < b.lastCount[key].Packets {
		b.before[key] = b.counters[key]
	}
	b.lastCount[key] = c
	c.Packets, c.Bytes = c.Packets+b.before[key].Packets, c.Bytes+b.before[key].Bytes
	b.counters[key] = c
}
