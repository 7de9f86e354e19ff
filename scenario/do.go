package scenario

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// Packet sizes: the least that pro-bing puts into a packet, and the most that fits into one.
const (
	leastPing    = 24
	leastMessage = 4
	mostPayload  = 65507
)

func (a *doPing) action(w *walk, at Place) Action {
	s := Start{Protocol: packet.ICMP, From: a.From.text, To: a.Ping.text}
	s.ID = w.between(a.ID, say.F("the id"), 1, 65535)
	s.Size = w.between(a.Size, say.F("the size"), leastPing, mostPayload)
	return w.start(at, a.Ping, a.From, a.As, s)
}

func (a *doTCP) action(w *walk, at Place) Action {
	if every := a.Keepalive; every.given() && (every.value < time.Second || every.value%time.Second != 0) {
		w.about(every.Place, "%s is not a whole number of seconds", every.text)
	}
	if a.Keepalive.given() && a.Push.value {
		w.about(a.Keepalive.Place, "a stream has either push or keepalive: the client of a download is never the one that is silent")
	}
	return a.start(w, at, packet.TCP, a.TCP, a.Keepalive.value)
}

func (a *doUDP) action(w *walk, at Place) Action { return a.start(w, at, packet.UDP, a.UDP, 0) }

func (a *doFlow) start(w *walk, at Place, p packet.Protocol, to name, keepalive time.Duration) Action {
	s := Start{Protocol: p, Keepalive: keepalive, From: a.From.text, To: to.text, Unserved: a.Unserved.value, Push: a.Push.value}
	s.Port = w.between(a.Port, say.F("the port"), 1, 65535)
	s.SourcePort = w.between(a.SourcePort, say.F("the source port"), 1, 65535)
	s.Size = w.between(a.Size, say.F("the size"), leastMessage, mostPayload)
	if a.Published.given() {
		s.Published, _ = w.published(a.Published)
	}
	if s.Push && s.Unserved {
		w.about(at, "a server sends in stream %s (push), but none listens (unserved)", a.As.text)
	}
	return w.start(at, to, a.From, a.As, s)
}

// start records the name even if something else is wrong, so that what follows does not fail too.
func (w *walk) start(at Place, to, from, as name, s Start) Action {
	there, here := w.host(to), w.host(from)
	if there && here && s.From == s.To {
		w.about(at, "stream %s goes from %s to itself", as.text, s.From)
	}
	w.apart(at, s)
	if !w.started(as, s) {
		return nil
	}
	if there && here && s.From != s.To {
		w.streams[as.text].via = w.reaches(at, s)
		if i := slices.IndexFunc(w.streams[as.text].via, func(h string) bool { return w.named(h).Masquerade }); s.Push && i >= 0 {
			w.about(at, "stream %s: behind the NAT of %s, the server cannot tell to whom it sends (push)", as.text, w.streams[as.text].via[i])
		}
	}
	return w.streams[as.text].Start
}

func (a *doStop) action(w *walk, _ Place) Action {
	s := w.running(a.Stop)
	if s == nil {
		return nil
	}
	s.stopped = true
	return Stop{Stream: a.Stop.text}
}

func (a *doRestart) action(w *walk, at Place) Action {
	s := w.running(a.Restart)
	if s == nil {
		w.started(a.As, Start{}) // reported once, elsewhere
		return nil
	}
	s.stopped = true
	again := s.Start
	if !a.Same.value {
		again.ID, again.SourcePort = 0, 0
	}
	if !w.apart(at, again) || !w.started(a.As, again) {
		return nil
	}
	w.streams[a.As.text].via = s.via
	return Restart{Stream: a.Restart.text, As: a.As.text, Same: a.Same.value}
}

// running returns the stream with that name if it is running.
func (w *walk) running(n name) *streamState {
	s := w.stream(n)
	if s != nil && s.stopped {
		w.about(n.Place, "stream %s has already been stopped", n.text)
		return nil
	}
	return s
}

func (a *doAuthorize) action(w *walk, at Place) Action {
	g := w.changed(a.Group)
	if g == nil {
		for _, from := range a.Authorize { // they are not in force, for a reason already reported
			w.reported[from.id.text] = true
			if from.rule != nil {
				w.reported[from.rule.ID.text] = true
			}
		}
		return nil
	}
	d, ok := w.direction(a.Direction)
	done := sg.Authorize{Group: g.Key(), Direction: d}
	for i, from := range a.Authorize {
		r, known := w.meant(g, d, from, i)
		switch {
		case !known:
			ok = false
			continue
		case i == 0 && !a.Direction.given():
			done.Direction = r.Direction
		case r.Direction != done.Direction:
			w.about(from.Place, "rule %s is for the other direction: %s", r.ID, r.Direction)
			ok = false
		}
		done.Rules = append(done.Rules, r.Rule)
	}
	if !ok || !w.apply(at, done) {
		return nil
	}
	return Change{done}
}

// meant returns a rule that is written out, or one that the group has had.
func (w *walk) meant(g *sg.Group, d packet.Direction, from ruleOrID, n int) (sg.GroupRule, bool) {
	if from.rule == nil {
		return w.again(g, from.id)
	}
	r, ok := w.later(g, d, *from.rule, n)
	return sg.GroupRule{Direction: d, Rule: r}, ok
}

// again returns a rule that the group has had.
func (w *walk) again(g *sg.Group, id name) (sg.GroupRule, bool) {
	var ids []string
	for _, r := range w.now.Ever(g.Key()) {
		if r.ID == id.text {
			return r, true
		}
		ids = append(ids, r.ID)
	}
	if id.given() && !w.reported[id.text] {
		w.hinted(id.Place, DidYouMean(id.text, ids), "group %s has never had a rule %s", g.Name, id.text)
	}
	return sg.GroupRule{}, false
}

// later reads a rule that is added during the scenario. An id that another rule has would confuse
// the two.
func (w *walk) later(g *sg.Group, d packet.Direction, from rule, n int) (sg.Rule, bool) {
	r, ok := w.rule(from)
	if !ok {
		w.reported[r.ID] = true
		return r, false
	}
	ever := w.now.Ever(g.Key())
	for _, k := range ever {
		same := k.Direction == d && k.Same(r)
		switch {
		case r.ID == "" && same:
			r.ID = k.ID
		case r.ID == k.ID && !same:
			w.about(from.ID.Place, "rule %s of group %s is already defined differently, as %s: choose another id", k.ID, g.Name, k.Rule)
			return r, false
		}
	}
	if r.ID == "" {
		r.ID = map[packet.Direction]string{packet.Ingress: "in-", packet.Egress: "out-"}[d] + strconv.Itoa(len(ever)+n+1)
	}
	return r, true
}

func (a *doRevoke) action(w *walk, at Place) Action {
	g := w.changed(a.Group)
	if g == nil {
		return nil
	}
	d, ok := w.direction(a.Direction)
	var ids []string
	var rules []sg.Rule
	for _, from := range a.Revoke {
		if from.rule == nil {
			ids = append(ids, from.id.text)
			ok = w.takenAway(g, from.id) && ok
			continue
		}
		r, read := w.rule(*from.rule)
		rules, ok = append(rules, r), read && ok
	}
	switch {
	case len(ids) > 0 && len(rules) > 0:
		w.about(at, "revoke rules either by their ids or by their content, not both")
		return nil
	case !ok:
		return nil
	case len(ids) > 0:
		return Change{sg.Revoke{Group: g.Key(), IDs: ids}}
	}
	done := sg.Revoke{Group: g.Key(), Direction: d, Rules: rules}
	if !w.apply(at, done) {
		return nil
	}
	return Change{done}
}

// takenAway revokes a rule, and reports whether the group had it.
func (w *walk) takenAway(g *sg.Group, id name) bool {
	if !id.given() || w.reported[id.text] {
		return false
	}
	if to, err := w.now.Apply(sg.Revoke{Group: g.Key(), IDs: []string{id.text}}); err == nil {
		w.now = to
		return true
	}
	var ids []string
	for _, r := range w.now.Ever(g.Key()) {
		if r.ID == id.text {
			w.about(id.Place, "rule %s of group %s has already been revoked", id.text, g.Name)
			return false
		}
		ids = append(ids, r.ID)
	}
	if !w.unreadable(aRule, id.Place, id.text, ids) {
		w.hinted(id.Place, DidYouMean(id.text, ids), "group %s has no rule %s", g.Name, id.text)
	}
	return false
}

// changed returns the group with that name in its current state.
func (w *walk) changed(n name) *sg.Group {
	id, known := w.group(n)
	if !known {
		return nil
	}
	return w.now.Group(id)
}

func (w *walk) direction(from word) (packet.Direction, bool) {
	if !from.given() {
		return packet.Ingress, true
	}
	return packet.Direction(from.text), w.choice(say.F("the direction"), from, string(packet.Ingress), string(packet.Egress))
}

func (a *doGroups) action(w *walk, at Place) Action {
	if !w.host(a.Of) || w.ruled(a.Of) {
		return nil
	}
	done := sg.Attach{Interface: a.Of.text, Groups: w.carry(a.Of.text, a.Groups)}
	if !w.apply(at, done) {
		return nil
	}
	return Change{done}
}

func (a *doCut) action(w *walk, _ Place) Action {
	done := Cut{Host: a.On.text}
	on := sorted(w.hosts)
	if a.On.given() {
		if !w.host(a.On) {
			return nil
		}
		on = []string{a.On.text}
	}
	stream, rule := a.Cut.members.Stream, a.Cut.members.AdmittedBy
	switch {
	case a.Cut.all.given():
		done.All = w.choice(say.F("the target of cut"), a.Cut.all, "all")
	case stream.given() == rule.given():
		w.about(a.Cut.Place, `cut one of these: { stream: "1" }, { admitted_by: icmp } or all`)
	case stream.given():
		w.stream(stream)
		done.Stream = stream.text
	default:
		w.known(rule, on)
		done.AdmittedBy = rule.text
	}
	return done
}

// known reports an error if none of these hosts has ever had the rule.
func (w *walk) known(rule name, hosts []string) {
	var ids []string
	for _, h := range hosts {
		ids = append(ids, w.everInForce(h)...)
	}
	if !slices.Contains(ids, rule.text) && !w.reported[rule.text] {
		slices.Sort(ids)
		w.hinted(rule.Place, DidYouMean(rule.text, slices.Compact(ids)), "no such host has had a rule %s", rule.text)
	}
}

func (a *doWait) action(*walk, Place) Action { return Wait{For: a.Wait.value} }

func (a *doTimeouts) action(w *walk, _ Place) Action {
	t, ok := w.timeouts(a.Timeouts)
	if !ok {
		return nil
	}
	return Configure{Timeouts: &t}
}

func (a *doLoose) action(*walk, Place) Action { return Configure{Loose: &a.Loose.value} }

func (a *doACL) action(w *walk, at Place) Action {
	list := w.acl(a.ACL)
	if problem := w.sc.unguarded(sg.SetACL{Interface: a.On.text, ACL: list}); !problem.Empty() {
		w.report(at, say.Sentence{}, problem)
		return nil
	}
	if !w.host(a.On) || w.ruled(a.On) || !w.apply(at, sg.SetACL{Interface: a.On.text, ACL: list}) {
		return nil
	}
	i, _ := w.now.Interface(a.On.text) // whose rules are in order
	return Change{sg.SetACL{Interface: i.ID, ACL: i.ACL}}
}

func (a *doPrefixList) action(w *walk, at Place) Action {
	id, ok := w.prefixList(a.PrefixList)
	if !ok {
		return nil
	}
	before, done := w.now, sg.ModifyPrefixList{PrefixList: id}
	// Entry by entry, so that a problem has the place of its entry.
	for _, from := range a.Remove {
		p, read := w.cidr(from)
		ok = read && w.apply(from.Place, sg.ModifyPrefixList{PrefixList: id, Remove: []netip.Prefix{p}}) && ok
		done.Remove = append(done.Remove, p)
	}
	for _, from := range a.Add {
		p, read := w.cidr(from)
		ok = read && w.apply(from.Place, sg.ModifyPrefixList{PrefixList: id, Add: []netip.Prefix{p}}) && ok
		done.Add = append(done.Add, p)
	}
	if !ok {
		return nil
	}
	if _, err := before.Apply(done); w.refused(at, err) {
		return nil
	}
	return Change{done}
}

func (a *doForge) action(w *walk, at Place) Action {
	done := Forge{On: a.On.text, From: a.Forge.From.text, To: a.Forge.UDP.text}
	done.Port = w.between(a.Forge.Port, say.F("the port"), 1, 65535)
	done.SourcePort = w.between(a.Forge.SourcePort, say.F("the source port"), 1, 65535)
	on, from, to := w.host(a.On), w.host(a.Forge.From), w.host(a.Forge.UDP)
	if !on || !from || !to || w.mislaid {
		return nil
	}
	sender, target := w.named(done.On), w.named(done.To)
	switch {
	case done.From == done.On:
		w.about(a.Forge.From.Place, "a packet of %s with its own address is not forged", done.On)
	case done.From == done.To:
		w.about(a.Forge.From.Place, "a host does not accept a packet from its own address: choose another source than %s", done.To)
	case done.On == done.To:
		w.about(a.On.Place, "%s sends the packet to itself", done.On)
	case !sender.Unchecked && sender.Ruleset == nil:
		w.hinted(a.On.Place, say.F("add source_dest_check: false to %s", done.On), "%s cannot send in the name of %s: EC2's source/destination check drops that", done.On, done.From)
	default:
		source, address, ok := sender.Toward(target, w.sc.Hosts)
		if !ok {
			w.about(at, "%s has no route to %s", done.On, address)
			return nil
		}
		if _, _, ok = w.way(at, located{netip.PrefixFrom(source, 0), done.On}, located{netip.PrefixFrom(address, 0), done.To}); ok {
			return done
		}
	}
	return nil
}

func (a *doExec) action(w *walk, at Place) Action {
	done := Exec{Place: at, Host: a.On.text, Exit: w.between(a.Exit, say.F("the exit code"), 0, 255)}
	for _, part := range a.Exec {
		done.Command = append(done.Command, part.text)
	}
	if len(done.Command) == 0 || done.Command[0] == "" {
		w.about(at, "no program is given: exec: [curl, …]")
	}
	w.host(a.On)
	return done
}
