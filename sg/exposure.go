package sg

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
)

// An Opening is from where a group allows packets in.
type Opening string

// The openings, from the widest. Unknown stands for a rule whose sources were not read.
const (
	ToWorld   Opening = "world"
	ToRange   Opening = "range"
	ToUnknown Opening = "unknown"
	ToGroup   Opening = "group"
	Closed    Opening = "closed"
)

// An Exposure is a table of groups and ports.
type Exposure struct {
	Columns []PortColumn   `json:"columns"`
	Groups  []ExposedGroup `json:"groups"`
}

// A PortColumn is ports of a protocol that no group treats differently; of icmp and icmpv6, types.
type PortColumn struct {
	Protocol string   `json:"protocol"` // or "other", for all that no rule names
	Ports    [][2]int `json:"ports,omitempty"`
}

// An ExposedGroup has an opening for each column.
type ExposedGroup struct {
	Group    string    `json:"group"`
	Name     string    `json:"name"`
	Openings []Opening `json:"openings"`
}

// otherProtocols stands for every protocol that no rule names.
const otherProtocols = packet.All

// Exposure returns what each group allows in, and from where, worked out exactly: the ports of a protocol
// are cut wherever a rule begins or ends.
func (a *Account) Exposure() Exposure {
	l := a.indexed()
	cuts := map[packet.Protocol][]int{}
	for _, p := range []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6, otherProtocols} {
		cuts[p] = []int{0}
	}
	open := make([][]entrance, len(a.Groups))
	for i, g := range a.Groups {
		open[i] = l.entrances(g, a.unreadOf(g))
		for _, e := range open[i] {
			first, last := e.ends()
			cuts[e.Protocol] = append(cuts[e.Protocol], 0, first, last+1)
		}
	}
	e := Exposure{Columns: []PortColumn{}, Groups: []ExposedGroup{}}
	for i := range a.Groups {
		e.Groups = append(e.Groups, ExposedGroup{Group: a.Groups[i].Key(), Name: a.Groups[i].Name, Openings: []Opening{}})
	}
	protocols := make([]packet.Protocol, 0, len(cuts))
	for p, list := range cuts {
		slices.Sort(list)
		cuts[p] = slices.Compact(list)
		protocols = append(protocols, p)
	}
	slices.SortFunc(protocols, func(a, b packet.Protocol) int { return cmp.Compare(rank(a), rank(b)) })
	for _, p := range protocols {
		e.add(p, cuts[p], open)
	}
	return e
}

// add adds the columns of a protocol.
func (e *Exposure) add(p packet.Protocol, cuts []int, open [][]entrance) {
	columns := map[string]int{} // by the openings of all groups
	for n, from := range cuts {
		if from > mostOf(p) {
			break
		}
		to := mostOf(p)
		if n+1 < len(cuts) {
			to = cuts[n+1] - 1
		}
		column, key := make([]Opening, len(open)), strings.Builder{}
		for i, entrances := range open {
			column[i] = openingOf(entrances, p, from)
			key.WriteString(string(column[i]) + " ")
		}
		if !slices.ContainsFunc(column, func(o Opening) bool { return o != Closed }) {
			continue
		}
		i, known := columns[key.String()]
		if !known {
			i = len(e.Columns)
			columns[key.String()] = i
			name := p.String()
			if p == otherProtocols {
				name = "other"
			}
			e.Columns = append(e.Columns, PortColumn{Protocol: name})
			for g := range e.Groups {
				e.Groups[g].Openings = append(e.Groups[g].Openings, column[g])
			}
		}
		if mostOf(p) == 0 {
			continue
		}
		if ports := &e.Columns[i].Ports; len(*ports) > 0 && (*ports)[len(*ports)-1][1] == from-1 {
			(*ports)[len(*ports)-1][1] = to
		} else {
			*ports = append(*ports, [2]int{from, to})
		}
	}
}

// rank orders the protocols of the columns.
func rank(p packet.Protocol) int {
	usual := []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6}
	if i := slices.Index(usual, p); i >= 0 {
		return i - len(usual)
	}
	if p == otherProtocols {
		return 256
	}
	return int(p)
}

// mostOf returns the last port of a protocol or the last type of ICMP, or 0 if it has neither.
func mostOf(p packet.Protocol) int {
	switch p {
	case packet.TCP, packet.UDP:
		return lastPort
	case packet.ICMP, packet.ICMPv6:
		return 255
	}
	return 0
}

// An entrance is an inbound rule that is in force, or may be, and who its peers are.
type entrance struct {
	Rule
	kind  Opening
	peers []netip.Prefix
}

// entrances returns the inbound rules of a group that a packet can match.
func (l lookup) entrances(g *Group, unread []Unread) []entrance {
	var all []entrance
	for _, r := range g.Ingress {
		peers, reason, stale := l.peers(GroupRule{g.Key(), packet.Ingress, r})
		e := entrance{r, ToRange, peers}
		switch {
		case stale || !r.neverMatches().Empty():
			continue
		case !reason.Empty():
			e.kind, e.peers = ToUnknown, nil
		case r.Reference != (Reference{}):
			e.kind, e.peers = ToGroup, nil
		}
		all = append(all, e)
	}
	for _, u := range unread {
		if u.Direction != packet.Egress {
			all = append(all, entrance{u.Rule, ToUnknown, nil})
		}
	}
	return all
}

// ends returns the first and the last port of the rule, or type of ICMP.
func (e entrance) ends() (first, last int) {
	switch {
	case e.Protocol == packet.All || e.From == Any || !hasPorts(e.Protocol):
		return 0, mostOf(e.Protocol)
	case e.Protocol == packet.ICMP || e.Protocol == packet.ICMPv6:
		return e.From, e.From
	}
	return e.From, e.To
}

// openingOf returns the widest opening of a port, or of a type of ICMP with any code.
func openingOf(entrances []entrance, p packet.Protocol, port int) Opening {
	codes := []int{0}
	for _, e := range entrances {
		if p.IsICMP() && e.Protocol == p && e.From == port && e.To != Any {
			codes = append(codes, e.To)
		}
	}
	widest := Closed
	for _, code := range codes {
		widest = wider(widest, openingFor(entrances, Packet{Protocol: p, To: port, Code: code}))
	}
	return widest
}

// openingFor returns the widest opening for a packet.
func openingFor(entrances []entrance, p Packet) Opening {
	widest := Closed
	var ranges []netip.Prefix
	for _, e := range entrances {
		if !e.AllowsWhat(p) {
			continue
		}
		kind := e.kind
		if kind == ToRange {
			there := slices.DeleteFunc(slices.Clone(e.peers), func(r netip.Prefix) bool {
				return p.Protocol == packet.ICMP && r.Addr().Is6() || p.Protocol == packet.ICMPv6 && r.Addr().Is4()
			})
			if ranges = append(ranges, there...); len(there) == 0 {
				kind = Closed
			}
		}
		widest = wider(widest, kind)
	}
	if holdWorld(ranges) {
		return ToWorld
	}
	return widest
}

func wider(a, b Opening) Opening {
	return openings[min(slices.Index(openings, a), slices.Index(openings, b))]
}

var openings = []Opening{ToWorld, ToRange, ToUnknown, ToGroup, Closed}
