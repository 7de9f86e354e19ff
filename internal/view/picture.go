package view

import (
	"net/netip"
	"slices"
	"time"

	"lablab/flow"
	"lablab/internal/control"
	"lablab/packet"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// A picture is what is known of the lab at one moment. It does not depend on the screen.
type picture struct {
	status   control.Status
	kernel   string
	started  time.Time // time zero of the log
	now      time.Time
	hosts    []control.Host
	names    map[netip.Addr]string
	rules    []rule
	counters map[string][]timeline.Counter // by host
	known    *report.Live
	frozen   []report.Lane   // the streams of a picture that no longer changes
	stopping map[string]bool // streams that were asked to stop
	entries  Entries
	verdicts []timeline.Judged // the latest ones, newest last
	revoked  []say.Sentence    // the revocations, for the summary
	missed   int
	news     line // the latest event worth a sentence
}

// A rule is in force or was revoked.
type rule struct {
	control.Rule
	group string
	gone  bool
	hits  map[string]uint64 // by host
	lit   bool              // it was hit since the previous query
}

func (r rule) key() string { return r.group + "\x00" + r.ID }

// shown is the number of verdicts that are kept.
const shown = 200

func newPicture(status control.Status) *picture {
	return &picture{status: status, known: report.NewLive(longest), stopping: map[string]bool{}}
}

func (p *picture) clone() *picture {
	c := *p
	c.rules, c.verdicts, c.hosts = slices.Clone(p.rules), slices.Clone(p.verdicts), slices.Clone(p.hosts)
	c.frozen, c.known = p.streams(), nil
	return &c // everything else it refers to is replaced as a whole, never changed
}

// streams returns all streams as they are now.
func (p *picture) streams() []report.Lane {
	if p.known == nil {
		return p.frozen
	}
	return p.known.Lanes(p.elapsed())
}

// elapsed returns how long the lab has been up.
func (p *picture) elapsed() time.Duration {
	if p.started.IsZero() || p.now.Before(p.started) {
		return 0
	}
	return p.now.Sub(p.started)
}

// add takes the next event, and reports whether the lab should be queried again.
func (p *picture) add(e timeline.Event) (ask bool) {
	if begun, ok := e.Body.(timeline.Begun); ok {
		p.begin(begun)
		return true
	}
	p.known.Add(e)
	switch body := e.Body.(type) {
	case timeline.StreamStarted:
		p.announce(plain, "stream %s started", body.Stream)
	case timeline.StreamStopped:
		p.stopped(body)
	case timeline.Judged:
		p.judged(body)
	case timeline.Missed:
		p.missed += body.Count
		p.announce(yellow, "lost %d %s on %s (socket overflow)", body.Count, body.What.Said(), body.Host)
	case timeline.EntryChanged:
		return body.Change != flow.Update
	default:
		return p.changed(e)
	}
	return false
}

// stopped shows that a stream has ended.
func (p *picture) stopped(body timeline.StreamStopped) {
	if body.Error != "" {
		p.announce(red, "stream %s failed: %s", body.Stream, body.Why())
		return
	}
	p.announce(plain, "stream %s stopped", body.Stream)
}

// begin starts a timeline: that of the lab, or of one that replaced it.
func (p *picture) begin(b timeline.Begun) {
	if !p.started.IsZero() {
		*p = *newPicture(p.status)
		p.announce(green, "scenario %s loaded", b.Scenario)
	}
	p.kernel, p.started, p.now = b.Kernel, b.Started, b.Started
	p.status.Scenario = b.Scenario
	p.hosts = nil
	for _, h := range b.Hosts {
		p.hosts = append(p.hosts, control.Host{Name: h.Name, Address: h.Address.String(), Groups: h.Groups})
	}
	p.nameHosts()
}

// changed takes an event about a change of the lab.
func (p *picture) changed(e timeline.Event) bool {
	switch body := e.Body.(type) {
	case timeline.RuleAuthorized:
		p.authorize(body.Rule)
		if e.At > time.Second || len(p.revoked) > 0 {
			p.revoked = append(p.revoked, say.F("%s authorized after %s", body.ID, lasting(e.At)))
			p.announce(green, "rule %s authorized on %s", body.ID, hostsOf(body.Hosts))
		}
	case timeline.RuleRevoked:
		if i := p.rule(body.Group, body.ID); i >= 0 {
			p.rules[i].gone, p.rules[i].lit = true, false
		}
		p.revoked = append(p.revoked, say.F("%s revoked after %s", body.ID, lasting(e.At)))
		if p.admitted(body.Number) {
			p.announce(yellow, "rule %s revoked on %s; flows it admitted go on", body.ID, hostsOf(body.Hosts))
		} else {
			p.announce(yellow, "rule %s revoked on %s", body.ID, hostsOf(body.Hosts))
		}
	case timeline.GroupsChanged:
		p.announce(yellow, "%s is now in %s", body.Host, groupsOf(body.Groups))
	case timeline.ACLChanged:
		p.announce(yellow, "network ACL on %s: %s", body.Host, map[bool]say.Sentence{true: say.F("on"), false: say.F("off")}[body.ACL != nil])
	case timeline.PrefixListChanged:
		p.announce(yellow, "%s", body.Now())
	case timeline.Cut:
		p.announce(yellow, "entry deleted on %s: %s", body.Host, body.Flow.Named(p.name))
	default:
		return false
	}
	return true
}

// admitted reports whether a rule has admitted an entry that is still there.
func (p *picture) admitted(number uint32) bool {
	return slices.ContainsFunc(p.entries.All(), func(e Entry) bool { return e.AdmittingNumber == number && e.Mark != Gone })
}

func (p *picture) announce(style, format string, args ...any) { p.news = words(style, format, args...) }

func (p *picture) judged(v timeline.Judged) {
	p.verdicts = append(p.verdicts, v)
	if len(p.verdicts) >= 2*shown {
		p.verdicts = slices.Clone(p.verdicts[len(p.verdicts)-shown:])
	}
}

func (p *picture) rule(group, id string) int {
	return slices.IndexFunc(p.rules, func(r rule) bool { return r.group == group && r.ID == id })
}

func (p *picture) authorize(r timeline.Rule) {
	fresh := rule{Rule: control.Rule{Rule: r.Rule, Direction: r.Direction, Text: r.String(), Number: r.Number}, group: r.Group}
	p.put(fresh)
}

// put replaces the rule with the same id, or adds a new rule after those of its group and
// direction.
func (p *picture) put(r rule) {
	if i := p.rule(r.group, r.ID); i >= 0 {
		if r.Number == p.rules[i].Number {
			r.hits, r.lit = p.rules[i].hits, p.rules[i].lit
		}
		p.rules[i] = r
		return
	}
	at := len(p.rules)
	for i, other := range p.rules {
		if other.group == r.group && (other.Direction == r.Direction || r.Direction == packet.Egress) {
			at = i + 1
		} else if other.group == r.group && at == len(p.rules) {
			at = i
		}
	}
	p.rules = slices.Insert(p.rules, at, r)
}

// answered takes the lab's answers to a query.
func (p *picture) answered(a answers) {
	if a.at.After(p.now) {
		p.now = a.at
	}
	p.status, p.hosts = a.status, a.status.Hosts
	p.nameHosts()
	var there []string
	for _, g := range a.status.Groups {
		for _, r := range g.Rules {
			now := rule{Rule: r, group: g.ID}
			p.put(now)
			there = append(there, now.key())
		}
	}
	p.counters = a.counters
	for i := range p.rules {
		r := &p.rules[i]
		r.gone = !slices.Contains(there, r.key())
		r.count(a.counters)
	}
	p.entries.Update(a.flows, a.at)
}

// count takes the rule's counters.
func (r *rule) count(counters map[string][]timeline.Counter) {
	if r.gone {
		r.lit = false
		return // the counters went with the rule; keep the last known ones
	}
	was := r.hits
	r.hits, r.lit = map[string]uint64{}, false
	for host, list := range counters {
		for _, c := range list {
			if c.Number == r.Number && c.Direction == r.Direction {
				r.hits[host] = c.Packets
				r.lit = r.lit || was != nil && c.Packets > was[host]
			}
		}
	}
}

func (p *picture) nameHosts() {
	names := map[netip.Addr]string{}
	for _, h := range p.hosts {
		if prefix, err := netip.ParsePrefix(h.Address); err == nil {
			names[prefix.Addr()] = h.Name
		}
	}
	p.names = names
}

// name returns the name of the host with that address, or else the address.
func (p *picture) name(a netip.Addr) string {
	if name, known := p.names[a]; known {
		return name
	}
	return a.String()
}

func hostsOf(hosts []string) say.Sentence {
	if len(hosts) == 0 {
		return say.F("no host")
	}
	return say.Names(", ", hosts...)
}

func groupsOf(groups []string) say.Sentence {
	if len(groups) == 0 {
		return say.F("no group")
	}
	return say.Names(", ", groups...)
}

// lasting returns a duration in a readable form.
func lasting(d time.Duration) say.Sentence {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return say.F("%d s", d/time.Second)
	case d < time.Hour:
		return say.F("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return say.F("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}
