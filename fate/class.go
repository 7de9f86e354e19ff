package fate

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"lablab/live"
	"lablab/packet"
	"lablab/sg"
)

// A class is what the rules of both hosts can see of a flow. Flows of the same class have the same fate.
type class struct {
	from, to         string
	protocol         packet.Protocol
	kind, code       uint8 // of ICMP
	ports            [4]int
	peers            [2]int
	new, known, back bool // whether it begins; has an entry; may have been begun by the other side
	untracked        bool
	translated       bool
	seenAt           string // where it is untracked; "" if that is not known
}

// Cuts are where the rules of a host, in all its versions, begin and end. Ports and addresses between
// the same cuts are the same to it.
type cuts struct {
	ports    []int
	prefixes []netip.Prefix
	sorted   bool
	peers    map[netip.Addr]int
	kinds    map[string]int
}

func newCuts() *cuts {
	c := &cuts{peers: map[netip.Addr]int{}, kinds: map[string]int{}}
	for _, a := range sg.Services() {
		c.prefixes = append(c.prefixes, netip.PrefixFrom(a, a.BitLen()))
	}
	return c
}

// add adds the rules of a version.
func (c *cuts) add(a *sg.Account, groups []*sg.Group, acl *sg.ACL) {
	for _, g := range groups {
		for _, d := range directions {
			for _, r := range g.Rules(d) {
				c.ports = append(c.ports, r.From, r.To+1)
				peers, _ := a.Peers(sg.GroupRule{Group: g.Key(), Direction: d, Rule: r})
				c.prefixes = append(c.prefixes, peers...)
			}
		}
	}
	if acl == nil {
		return
	}
	for _, d := range directions {
		for _, r := range acl.Rules(d) {
			c.ports, c.prefixes = append(c.ports, r.From, r.To+1), append(c.prefixes, r.Peer)
		}
	}
}

// settle sorts the cuts once all are there.
func (c *cuts) settle() {
	if c.sorted {
		return
	}
	c.sorted = true
	slices.Sort(c.ports)
	c.ports = slices.Compact(c.ports)
	slices.SortFunc(c.prefixes, netip.Prefix.Compare)
	c.prefixes = slices.Compact(c.prefixes)
}

// port returns the number of cuts up to a port.
func (c *cuts) port(p int) int {
	i, exact := slices.BinarySearch(c.ports, p)
	if exact {
		i++
	}
	return i
}

// peer returns a number that addresses in the same prefixes share.
func (c *cuts) peer(a netip.Addr) int {
	if n, known := c.peers[a]; known {
		return n
	}
	var in []byte
	for i, p := range c.prefixes {
		if p.Contains(a) {
			in = binary.AppendUvarint(in, uint64(i))
		}
	}
	n, known := c.kinds[string(in)]
	if !known {
		n = len(c.kinds)
		c.kinds[string(in)] = n
	}
	c.peers[a] = n
	return n
}

// class returns the class of a flow between two hosts.
func (f *forecast) class(flow live.Flow, from, to string) class {
	c := class{
		from: from, to: to, protocol: flow.Protocol, kind: flow.ICMPType, code: flow.ICMPCode,
		new: !isUp(flow), known: flow.Left > 0, back: flow.Guessed, untracked: flow.Untracked, translated: flow.Reply != nil,
	}
	if flow.Untracked {
		c.seenAt = flow.Host
	}
	for i, host := range []string{from, to} {
		cuts := f.cuts[host]
		if cuts == nil {
			continue
		}
		peer := flow.Destination
		if i == 1 {
			peer = flow.Source
		}
		cuts.settle()
		c.ports[2*i], c.ports[2*i+1] = cuts.port(int(flow.SourcePort)), cuts.port(int(flow.DestinationPort))
		c.peers[i] = cuts.peer(peer)
	}
	return c
}
