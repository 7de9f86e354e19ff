// Package fatetest makes random changes of random accounts, with random flows, for tests.
package fatetest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"lablab/enforce"
	"lablab/fate"
	"lablab/live"
	"lablab/packet"
	"lablab/plan"
	"lablab/sg"
)

// A dice makes random accounts and changes.
type dice struct{ *rand.Rand }

func (d dice) one(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

// Random returns the forecast of a random change for random flows, under a random model, and the places
// of those fates that can be played.
func Random(seed uint64) (fate.Forecast, []int) {
	d := dice{rand.New(rand.NewPCG(seed, 16))}
	account := &sg.Account{PrefixLists: []sg.PrefixList{{ID: "pl-1", Known: true, Entries: []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")}}}}
	var groups []string
	for n := range 2 + d.IntN(2) {
		groups = append(groups, fmt.Sprintf("sg-%d", n))
	}
	for _, id := range groups {
		g := &sg.Group{ID: id, Name: id}
		for n := range d.IntN(4) {
			g.Ingress = add(g.Ingress, d.rule(fmt.Sprintf("%s-in%d", id, n), groups))
		}
		g.Egress = add(g.Egress, sg.Rule{ID: id + "-out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")})
		if d.one(3) {
			g.Egress = nil
			for n := range d.IntN(3) {
				g.Egress = add(g.Egress, d.rule(fmt.Sprintf("%s-out%d", id, n), groups))
			}
		}
		account.Groups = append(account.Groups, g)
	}
	addresses := []netip.Addr{netip.MustParseAddr("10.0.0.10"), netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("10.9.0.1")}
	for n, a := range addresses[:3] {
		if n == 2 && d.one(2) {
			break
		}
		account.Attach(sg.Interface{ID: fmt.Sprintf("eni-%d", n), Addresses: []netip.Addr{a}, Groups: []string{pick(d, groups...)}})
	}
	changes := d.changes(account, groups)
	var flows []live.Flow
	for n := range 6 {
		f := live.Flow{Key: d.key(addresses)}
		f.New = n > 3
		flows = append(flows, f)
	}
	models := enforce.Models()
	model := models[0]
	if seed%2 == 1 {
		model = pick(d, models...)
	}
	f := fate.Of(plan.Of(account, changes...), flows, fate.Options{Model: model, Orders: 10})
	var places []int
	for i := range flows {
		if f.Fates[i].Word != fate.NotJudged {
			places = append(places, i)
		}
	}
	return f, places
}

func add(list []sg.Rule, r sg.Rule) []sg.Rule {
	for _, o := range list {
		if o.Same(r) {
			return list
		}
	}
	return append(list, r)
}

func (d dice) rule(id string, groups []string) sg.Rule {
	r := sg.Rule{ID: id, Protocol: pick(d, packet.TCP, packet.UDP, packet.ICMP, packet.All), From: sg.Any, To: sg.Any}
	switch {
	case r.Protocol == packet.All:
	case r.Protocol == packet.ICMP:
		if d.one(3) {
			r.From = 8
		}
	case d.one(2):
		r.From, r.To = 0, 65535
	default:
		r.From, r.To = 80, 81
	}
	switch d.IntN(6) {
	case 0:
		r.Reference = sg.Reference{GroupID: pick(d, groups...)}
	case 1:
		r.PrefixList = "pl-1"
	default:
		r.Peer = netip.MustParsePrefix(pick(d, "0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/8", "203.0.113.9/32"))
	}
	return r
}

func (d dice) key(addresses []netip.Addr) packet.Key {
	from := d.IntN(len(addresses))
	to := (from + 1 + d.IntN(len(addresses)-1)) % len(addresses)
	k := packet.Key{Protocol: pick(d, packet.TCP, packet.UDP, packet.ICMP), Source: addresses[from], Destination: addresses[to]}
	if k.Protocol == packet.ICMP {
		k.ICMPType, k.ICMPID = 8, uint16(1+d.IntN(60000))
		return k
	}
	k.SourcePort, k.DestinationPort = uint16(20000+d.IntN(10000)), uint16(pick(d, 80, 81, 443))
	return k
}

// changes returns changes of which each can be made after those before.
func (d dice) changes(account *sg.Account, groups []string) (list []sg.Change) {
	now := account
	for range 1 + d.IntN(4) {
		var c sg.Change
		g := now.Group(pick(d, groups...))
		direction := pick(d, packet.Ingress, packet.Ingress, packet.Egress)
		switch rules := g.Rules(direction); d.IntN(5) {
		case 0, 1:
			if len(rules) == 0 {
				continue
			}
			c = sg.Revoke{Group: g.ID, IDs: []string{pick(d, rules...).ID}}
		case 2:
			c = sg.Authorize{Group: g.ID, Direction: direction, Rules: []sg.Rule{d.rule(fmt.Sprintf("more%d", len(list)), groups)}}
		case 3:
			c = sg.Attach{Interface: pick(d, now.Interfaces...).ID, Groups: []string{pick(d, groups...)}}
		case 4:
			c = sg.ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("203.0.113.%d/32", 8+len(list)))}}
		}
		if to, err := now.Apply(c); err == nil {
			now, list = to, append(list, c)
		}
	}
	return list
}
