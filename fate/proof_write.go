package fate

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"lablab/enforce"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A writer writes a scenario.
type writer struct {
	*forecast
	course *course
	names  map[netip.Addr]string
	hosts  []written          // in order
	groups map[string]string  // names by ids
	had    map[string]bool    // the groups that a host has at some time
	rules  map[ruleKey]string // ids
	known  map[ruleKey]bool   // that have been in force
	fates  []Fate
	b      strings.Builder
}

// A written host is a host of the scenario; one that is not in the account has no id.
type written struct {
	id, name string
	address  netip.Addr
}

func newWriter(f *forecast, c *course) *writer {
	return &writer{forecast: f, course: c, names: map[netip.Addr]string{}, groups: map[string]string{}, had: map[string]bool{}, rules: map[ruleKey]string{}, known: map[ruleKey]bool{}}
}

// add adds a flow and its hosts.
func (w *writer) add(f Fate) {
	from, to := w.forecast.hosts.ends(f.Flow)
	w.host(from, f.Flow.Source)
	w.host(to, f.Flow.Destination)
	w.fates = append(w.fates, f)
}

func (w *writer) host(id string, a netip.Addr) {
	if w.names[a] != "" {
		return
	}
	name := cmp.Or(short(id), "peer")
	for n := 2; slices.ContainsFunc(w.hosts, func(h written) bool { return h.name == name }); n++ {
		name = fmt.Sprintf("%s-%d", cmp.Or(short(id), "peer"), n)
	}
	w.names[a] = name
	w.hosts = append(w.hosts, written{id, name, a})
}

// short returns an id as the name of a host.
func short(id string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, id)
	const most = 20
	return strings.TrimLeft(clean[max(0, len(clean)-most):], "-_")
}

// network returns the smallest network in which all hosts can be.
func (w *writer) network() int {
	for bits := w.hosts[0].address.BitLen() - 2; bits > 0; bits-- {
		network := netip.PrefixFrom(w.hosts[0].address, bits).Masked()
		if !slices.ContainsFunc(w.hosts, func(h written) bool {
			return !network.Contains(h.address) || h.address == network.Addr() || h.address.Is4() && !network.Contains(h.address.Next())
		}) {
			return bits
		}
	}
	return 0
}

// text returns the scenario.
func (w *writer) text() string {
	fmt.Fprintf(&w.b, "name: what-if\n")
	fmt.Fprintf(&w.b, "title: %s\n", strconv.Quote(say.F("What %s does, %s", name(w.File), w.course.order()).String()))
	if m := w.Model; m != enforce.Default() {
		if m.Traits().Delay > 0 { // what happens is the same at once
			m, _ = enforce.With(m, "delay", "none")
		}
		fmt.Fprintf(&w.b, "model: %s\n", enforce.Notation(m))
	}
	w.b.WriteString("interval: 5ms\n") // TCP repeats nothing within an experiment
	w.nameGroups()
	bits := w.network()
	fmt.Fprintf(&w.b, "hosts:\n")
	for _, h := range w.hosts {
		i, known := w.attached(h, 0)
		groups := []string{anyone}
		if known {
			groups = w.named(i.Groups)
		}
		fmt.Fprintf(&w.b, "  %s: { address: %q, groups: [%s] }\n", h.name, netip.PrefixFrom(h.address, bits), strings.Join(groups, ", "))
	}
	w.writeLists()
	w.writeGroups()
	w.writeExperiments()
	return w.b.String()
}

// anyone is the group of hosts whose rules are not known. It allows everything.
const anyone = "not-known"

// account returns the account after some calls.
func (w *writer) account(after int) *sg.Account {
	a := w.Before
	if after > 0 {
		a = w.course.calls[after-1].Account
	}
	return with(a, w.Hosts)
}

func (w *writer) attached(h written, after int) (sg.Interface, bool) {
	return w.account(after).Interface(h.id)
}

// named returns the names of groups that exist.
func (w *writer) named(ids []string) (names []string) {
	for _, id := range ids {
		if name := w.groups[id]; name != "" {
			names = append(names, name)
		}
	}
	return names
}

// nameGroups names every group that a host has at some time, and those that their rules refer to.
func (w *writer) nameGroups() {
	for _, after := range w.instants() {
		a := w.account(after)
		for _, h := range w.hosts {
			i, _ := a.Interface(h.id)
			for _, g := range a.GroupsByID(i.Groups) {
				w.had[g.ID] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.had)) {
		w.nameGroup(id)
	}
	for _, after := range w.instants() {
		for _, g := range w.account(after).Groups {
			for _, d := range directions {
				for _, r := range w.rulesOf(g, d, w.account(after)) {
					if r.Reference.GroupID != "" {
						w.nameGroup(r.Reference.GroupID)
					}
				}
			}
		}
	}
}

func (w *writer) nameGroup(id string) {
	if w.groups[id] != "" {
		return
	}
	name := cmp.Or(short(id), "group")
	for n := 2; w.groupNamed(name) || name == anyone; n++ {
		name = fmt.Sprintf("%s-%d", cmp.Or(short(id), "group"), n)
	}
	w.groups[id] = name
}

func (w *writer) groupNamed(name string) bool {
	for _, other := range w.groups {
		if other == name {
			return true
		}
	}
	return false
}

// instants returns after how many calls a host enforces something else.
func (w *writer) instants() []int {
	var versions [][]version
	for _, h := range w.hosts {
		versions = append(versions, w.course.hosts[h.id])
	}
	return instants(versions...)
}

func (w *writer) writeLists() {
	var lists []sg.PrefixList
	for _, l := range w.account(0).PrefixLists {
		if l.Known {
			lists = append(lists, l)
		}
	}
	if len(lists) > 0 {
		fmt.Fprintf(&w.b, "prefix_lists:\n")
	}
	for _, l := range lists {
		fmt.Fprintf(&w.b, "  %s: [%s]\n", l.ID, prefixes(l.Entries))
	}
}

func prefixes(list []netip.Prefix) string {
	var texts []string
	for _, p := range list {
		texts = append(texts, strconv.Quote(p.String()))
	}
	return strings.Join(texts, ", ")
}

func (w *writer) writeGroups() {
	a := w.account(0)
	fmt.Fprintf(&w.b, "groups:\n")
	ids := slices.Sorted(maps.Keys(w.groups))
	for _, id := range ids {
		g := a.Group(id)
		if g == nil || len(w.rulesOf(g, packet.Ingress, a))+len(w.rulesOf(g, packet.Egress, a)) == 0 {
			fmt.Fprintf(&w.b, "  %s: {}\n", w.groups[id])
			continue
		}
		fmt.Fprintf(&w.b, "  %s:\n", w.groups[id])
		for _, d := range directions {
			if rules := w.rulesOf(g, d, a); len(rules) > 0 {
				fmt.Fprintf(&w.b, "    %s:\n", d)
				for _, r := range rules {
					fmt.Fprintf(&w.b, "      - %s\n", w.rule(g.ID, d, r))
					w.known[ruleKey{g.ID, d, content(r)}] = true
				}
			}
		}
	}
	if slices.ContainsFunc(w.hosts, func(h written) bool { _, known := w.attached(h, 0); return !known }) {
		everything := "0.0.0.0/0"
		if w.hosts[0].address.Is6() {
			everything = "::/0"
		}
		fmt.Fprintf(&w.b, "  %s:\n", anyone)
		for _, d := range directions {
			fmt.Fprintf(&w.b, "    %s:\n      - { id: %s, protocol: %s, cidr: %q }\n", d, "any-"+string(d), packet.All, everything)
		}
	}
}

// rulesOf returns the rules of a group that the scenario needs and can have: those whose peers are
// known, if a host has the group at some time.
func (w *writer) rulesOf(g *sg.Group, d packet.Direction, a *sg.Account) (rules []sg.Rule) {
	if !w.had[g.ID] {
		return nil
	}
	for _, r := range g.Rules(d) {
		if _, reason := a.Peers(sg.GroupRule{Group: g.ID, Direction: d, Rule: r}); reason.Empty() && !slices.ContainsFunc(rules, r.Same) {
			rules = append(rules, r)
		}
	}
	return rules
}

// rule writes a rule as a scenario has it.
func (w *writer) rule(group string, d packet.Direction, r sg.Rule) string {
	key := ruleKey{group, d, content(r)}
	id := w.rules[key]
	if id == "" {
		id = fmt.Sprintf("r%d", len(w.rules)+1)
		w.rules[key] = id
	}
	return fmt.Sprintf("{ id: %s, protocol: %s%s, %s }", id, r.Protocol, ports(r.Protocol, r.From, r.To), w.peer(r))
}

func ports(p packet.Protocol, from, to int) string {
	switch {
	case p.IsICMP() && from != sg.Any && to != sg.Any:
		return fmt.Sprintf(", type: %d, code: %d", from, to)
	case p.IsICMP() && from != sg.Any:
		return fmt.Sprintf(", type: %d", from)
	case p != packet.TCP && p != packet.UDP, from == sg.Any:
		return ""
	case from == to:
		return fmt.Sprintf(", port: %d", from)
	}
	return fmt.Sprintf(", port: %q", fmt.Sprintf("%d-%d", from, to))
}

func (w *writer) peer(r sg.Rule) string {
	switch {
	case r.Peer.IsValid():
		return fmt.Sprintf("cidr: %q", r.Peer.Masked())
	case r.PrefixList != "":
		return "prefix_list: " + r.PrefixList
	}
	return "source_group: " + w.groups[r.Reference.GroupID]
}

// actions writes what turns one state of the account into another.
func (w *writer) actions(from, to *sg.Account) (list []string) {
	for _, l := range to.PrefixLists {
		i := slices.IndexFunc(from.PrefixLists, func(o sg.PrefixList) bool { return o.ID == l.ID })
		if i < 0 || !l.Known {
			continue
		}
		was := from.PrefixLists[i].Entries
		add, remove := without(l.Entries, was), without(was, l.Entries)
		var parts string
		if len(remove) > 0 {
			parts += fmt.Sprintf(", remove: [%s]", prefixes(remove))
		}
		if len(add) > 0 {
			parts += fmt.Sprintf(", add: [%s]", prefixes(add))
		}
		if parts != "" {
			list = append(list, fmt.Sprintf("{ prefix_list: %s%s }", l.ID, parts))
		}
	}
	for _, h := range w.hosts {
		was, _ := from.Interface(h.id)
		now, known := to.Interface(h.id)
		if known && !slices.Equal(w.named(was.Groups), w.named(now.Groups)) {
			list = append(list, fmt.Sprintf("{ groups: [%s], of: %s }", strings.Join(w.named(now.Groups), ", "), h.name))
		}
		if known && !sameACL(was.ACL, now.ACL) {
			list = append(list, fmt.Sprintf("{ acl: %s, on: %s }", aclText(now.ACL), h.name))
		}
	}
	ids := slices.Sorted(maps.Keys(w.groups))
	for _, way := range []func(id string) []string{
		func(id string) []string { return w.revokes(id, from, to) }, func(id string) []string { return w.authorizes(id, from, to) },
	} {
		for _, id := range ids {
			list = append(list, way(id)...)
		}
	}
	return list
}

func without(list, others []netip.Prefix) (left []netip.Prefix) {
	for _, p := range list {
		if !slices.Contains(others, p) {
			left = append(left, p)
		}
	}
	return left
}

// gone returns the rules that a group has in one state of the account, and not in the other.
func (w *writer) gone(id string, d packet.Direction, from, to *sg.Account) (rules []sg.Rule) {
	g := from.Group(id)
	if g == nil {
		return nil
	}
	var now []sg.Rule
	if there := to.Group(id); there != nil {
		now = w.rulesOf(there, d, to)
	}
	for _, r := range w.rulesOf(g, d, from) {
		if !slices.ContainsFunc(now, r.Same) {
			rules = append(rules, r)
		}
	}
	return rules
}

func (w *writer) revokes(id string, from, to *sg.Account) (list []string) {
	for _, d := range directions {
		for _, r := range w.gone(id, d, from, to) {
			list = append(list, fmt.Sprintf("{ revoke: %s, group: %s }", w.rules[ruleKey{id, d, content(r)}], w.groups[id]))
		}
	}
	return list
}

func (w *writer) authorizes(id string, from, to *sg.Account) (list []string) {
	for _, d := range directions {
		for _, r := range w.gone(id, d, to, from) {
			key := ruleKey{id, d, content(r)}
			what := w.rule(id, d, r)
			if w.known[key] {
				what = w.rules[key]
			}
			w.known[key] = true
			direction := ""
			if d == packet.Egress && !strings.HasPrefix(what, "r") {
				direction = ", direction: egress"
			}
			list = append(list, fmt.Sprintf("{ authorize: %s, group: %s%s }", what, w.groups[id], direction))
		}
	}
	return list
}

func aclText(acl *sg.ACL) string {
	if acl == nil {
		return "off"
	}
	var parts []string
	for _, d := range directions {
		var rules []string
		for _, r := range acl.Rules(d) {
			verdict := "deny"
			if r.Allow {
				verdict = "allow"
			}
			rules = append(rules, fmt.Sprintf("{ rule: %d, %s: %s%s, cidr: %q }", r.Number, verdict, r.Protocol, ports(r.Protocol, r.From, r.To), r.Peer))
		}
		parts = append(parts, fmt.Sprintf("%s: [%s]", d, strings.Join(rules, ", ")))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}
