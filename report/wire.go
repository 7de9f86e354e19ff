package report

import (
	"lablab/flow"
	"lablab/packet"
	"lablab/timeline"
)

// A wire knows what packets look like at the interfaces of hosts that replace addresses (NAT). Their
// rules see them with other addresses, and the first one before its entry tells the addresses; so
// wire reads all entries beforehand.
type wire struct{ entries map[atHost][]replacement }

// An atHost is a packet as the rules of a host may see it.
type atHost struct {
	host string
	packet.Key
}

// A replacement is an entry of a flow whose addresses its host replaces, and whether a packet goes in
// the direction of the reply.
type replacement struct {
	*translation
	reply bool
}

// A translation is an entry and the index of the event that ended it, or 0.
type translation struct {
	flow.Entry
	ended int
}

func newWire(events []timeline.Event) wire {
	w := wire{map[atHost][]replacement{}}
	alive := map[atHost]*translation{}
	for i, e := range events {
		switch body := e.Body.(type) {
		case timeline.EntryChanged:
			at := atHost{body.Host, body.Entry.Orig}
			switch {
			case body.Change != flow.Destroy:
				w.add(alive, at, body.Entry)
			case alive[at] != nil:
				alive[at].ended = i
				delete(alive, at)
			}
		case timeline.Dumped:
			for _, entry := range body.Entries {
				w.add(alive, atHost{body.Host, entry.Orig}, entry)
			}
		}
	}
	return w
}

// add takes an entry, unless it is known.
func (w *wire) add(alive map[atHost]*translation, at atHost, e flow.Entry) {
	if !e.Translated() || alive[at] != nil && alive[at].Reply == e.Reply {
		return
	}
	s := &translation{Entry: e}
	alive[at] = s
	request := e.Orig // with the destination replaced, but not the source yet
	request.Destination, request.DestinationPort = e.Reply.Source, e.Reply.SourcePort
	there, back := map[packet.Key]bool{}, map[packet.Key]bool{}
	for _, k := range []packet.Key{e.Orig, request, e.Reply.Reversed()} {
		there[k], back[k.Reversed()] = true, true
	}
	for k := range there {
		w.entries[atHost{at.host, k}] = append(w.entries[atHost{at.host, k}], replacement{s, false})
	}
	for k := range back {
		w.entries[atHost{at.host, k}] = append(w.entries[atHost{at.host, k}], replacement{s, true})
	}
}

// packet returns a packet, whose verdict is the event with an index, as it passed the interface.
func (w *wire) packet(i int, j timeline.Judged, at *netInterface) packet.Key {
	k := j.Packet.Key()
	of := w.entries[atHost{j.Host, k}]
	switch {
	case len(of) == 0 && at.masquerade && j.Forwarded && j.Direction == packet.Egress:
		k.Source = at.address // an entry would say so, but it was dropped with the packet
		return k
	case len(of) == 0:
		return k
	}
	r := of[len(of)-1]
	for _, candidate := range of {
		if candidate.ended == 0 || candidate.ended > i {
			r = candidate
			break
		}
	}
	switch {
	case j.Direction == packet.Ingress && !r.reply:
		return r.Orig
	case j.Direction == packet.Egress && !r.reply:
		return r.Reply.Reversed()
	case j.Direction == packet.Ingress:
		return r.Reply
	}
	return r.Orig.Reversed()
}
