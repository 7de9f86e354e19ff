package nft

import (
	"fmt"
	"slices"

	"lablab/nft/ruleset"
	"lablab/packet"
)

// A foreign is a ruleset that another program has written, as far as it matters to the trace.
type foreign struct {
	tables map[tableSite]bool
	chains map[chainSite]baseChain
	bys    map[ruleAt]packet.By
	reject map[ruleAt]bool // the rules that tell senders that they drop a packet
	list   []AdoptedRule
	into   map[chainSite][]chainSite // from which chains packets come
	order  []listedIn
}

// A tableSite is a table, by its family (NFPROTO_…) and its name.
type tableSite struct {
	family byte
	name   string
}

// A chainSite is a chain of a table.
type chainSite struct {
	family       byte
	table, chain string
}

// A ruleAt is a rule, by its chain and its handle.
type ruleAt struct {
	chainSite
	handle uint64
}

// A baseChain is where packets enter a chain; it has no hook if they come from other chains only.
type baseChain struct {
	hook ruleset.Hook
	nat  bool
}

type listedIn struct {
	chainSite
	listed
}

// An AdoptedRule is a rule of an adopted ruleset.
type AdoptedRule struct {
	By packet.By
	// Direction is that of the packets that its chain sees, as far as hooks and jumps say so.
	Direction packet.Direction
	// Counts is whether it has a counter, with these values.
	Counts  bool
	Packets uint64
	Bytes   uint64 // counted from the network header on
}

// The families of tables whose chains are traced (NFPROTO_INET and so on).
var families = map[byte]string{nfprotoInet: "inet", 2: "ip", 10: "ip6"}

func (c chainSite) traced() bool { return families[c.family] != "" }

// traced reports whether it has lablab's tracing table.
func (f foreign) traced() bool { return f.tables[tableSite{nfprotoInet, tracerName}] }

const nfprotoInet = 1

// tracerName is the name of the table that traces what an adopted ruleset does.
const tracerName = "lablab"

func newForeign() foreign {
	return foreign{tables: map[tableSite]bool{}, chains: map[chainSite]baseChain{}, bys: map[ruleAt]packet.By{}, reject: map[ruleAt]bool{}, into: map[chainSite][]chainSite{}}
}

func (f *foreign) addChain(at chainSite, base baseChain) {
	f.tables[tableSite{at.family, at.table}], f.chains[at] = true, base
}

func (f *foreign) addRule(family byte, r listed) {
	at := chainSite{family, r.table, r.chain}
	if !at.traced() || at.family == nfprotoInet && at.table == tracerName {
		return
	}
	f.order = append(f.order, listedIn{at, r})
	if r.next != "" {
		to := chainSite{family, r.table, r.next}
		f.into[to] = append(f.into[to], at)
	}
}

// finish names the rules, once all tables and chains are known.
func (f *foreign) finish() {
	for _, r := range f.order {
		by := f.name(r.chainSite, r.handle, r.comment)
		f.bys[ruleAt{r.chainSite, r.handle}], f.reject[ruleAt{r.chainSite, r.handle}] = by, r.rejects
		f.list = append(f.list, AdoptedRule{By: by, Direction: f.direction(r.chainSite), Counts: r.counts, Packets: r.packets, Bytes: r.bytes})
	}
}

// after returns the ruleset with the names that rules had before: the trace may still contain packets
// that a deleted rule decided about.
func (f foreign) after(was foreign) foreign {
	for at, by := range was.bys {
		if _, stays := f.bys[at]; !stays {
			f.bys[at] = by
		}
	}
	for at, base := range was.chains {
		if _, stays := f.chains[at]; !stays {
			f.chains[at] = base
		}
	}
	return f
}

// name returns what decides if a rule does, or if a chain's policy does (handle 0). The id is the
// rule's comment or, without one, its place.
func (f *foreign) name(at chainSite, handle uint64, comment string) packet.By {
	family := families[at.family]
	by := packet.By{Kind: packet.ByRuleset, ID: comment, Site: packet.Site{Family: family, Table: at.table, Chain: at.chain, Handle: handle}}
	if comment != "" {
		return by
	}
	by.ID = at.table + "/" + at.chain
	for other := range families {
		if other != at.family && f.tables[tableSite{other, at.table}] { // the name alone is not unique
			by.ID = family + "/" + at.table + "/" + at.chain
		}
	}
	if handle == 0 {
		by.ID += "#policy"
	} else {
		by.ID += fmt.Sprintf("#%d", handle)
	}
	return by
}

// direction returns the direction of the packets that come to a chain.
func (f *foreign) direction(at chainSite) packet.Direction {
	return f.directionBut(at, nil)
}

func (f *foreign) directionBut(at chainSite, seen []chainSite) packet.Direction {
	switch f.chains[at].hook {
	case ruleset.Output, ruleset.Postrouting:
		return packet.Egress
	case "":
		for _, from := range f.into[at] {
			if !slices.Contains(seen, from) {
				return f.directionBut(from, append(seen, at))
			}
		}
	}
	return packet.Ingress
}
