package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"lablab/packet"
	"lablab/pinger"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// A running stream and how it was started.
type running struct {
	*pinger.Stream
	scenario.Start
	key    streamKey
	pusher *pinger.Server // nil if the stream sends by itself
}

// A streamKey is what the packets of a stream have in common, in the sender's direction. For ICMP
// the echo id replaces the source port.
type streamKey struct {
	protocol         packet.Protocol
	source, target   netip.Addr
	sourcePort, port uint16
}

// reversed returns the key of the reply direction.
func (k streamKey) reversed() streamKey {
	k.source, k.target = k.target, k.source
	if k.protocol == packet.TCP || k.protocol == packet.UDP {
		k.sourcePort, k.port = k.port, k.sourcePort
	}
	return k
}

// firstNumber is the echo id or source port of the first stream. Each stream has its own number, so
// each is its own flow.
const (
	firstEchoID = 1001
	firstPort   = 41001
)

// The usual payload sizes, in bytes, if a scenario gives none: the size that ping(8) uses, and that
// of a small message.
const (
	usualPing    = 56
	usualMessage = 64
)

// start starts a stream, which is held until packets are released.
func (l *Lab) start(ctx context.Context, a scenario.Start) error {
	from, err := l.host(a.From)
	if err != nil {
		return err
	}
	to, err := l.host(a.To)
	if err != nil {
		return err
	}
	name, port := a.Address()
	first, err := l.host(name)
	if err != nil {
		return err
	}
	source, target, routed := from.Toward(first.Host, l.neighbours())
	inner := target
	if routed && first != to {
		_, inner, routed = first.Toward(to.Host, l.neighbours())
	}
	if !routed {
		return say.Errorf("start stream %s: %s has no route to %s", a.Stream, from.Name, target)
	}
	r := &running{Start: a, key: l.key(a, source, netip.AddrPortFrom(target, uint16(port)))}
	if a.Protocol != packet.ICMP && !a.Unserved {
		server, err := l.serve(to, inner, a)
		if err != nil {
			return err
		}
		if a.Push {
			r.pusher = server
		}
	}
	started := timeline.StreamStarted{Stream: a.Stream, Protocol: r.key.protocol, From: a.From, To: a.To, Source: r.key.source, Target: r.key.target}
	if a.Protocol == packet.ICMP {
		started.ICMPID = r.key.sourcePort
	} else {
		started.SourcePort, started.Port, started.PublishedBy = r.key.sourcePort, r.key.port, a.Published.Host
	}
	l.log.Append(started)
	err = l.recorder.start(r.key, a, func() (*pinger.Stream, error) {
		r.Stream, err = l.open(ctx, from, r)
		return r.Stream, err
	})
	if err != nil {
		if a.Protocol != packet.ICMP {
			return err
		}
		return unableTo(openICMP, err)
	}
	l.streams = append(l.streams, r)
	return nil
}

// key returns what the packets of a stream will have in common.
func (l *Lab) key(a scenario.Start, source netip.Addr, target netip.AddrPort) streamKey {
	k := streamKey{protocol: a.Protocol, source: source, target: target.Addr(), port: target.Port()}
	l.started++
	switch {
	case a.Protocol == packet.ICMP:
		if k.source.Is6() {
			k.protocol = packet.ICMPv6
		}
		k.sourcePort = uint16(firstEchoID + l.started - 1)
		if a.ID > 0 {
			k.sourcePort = uint16(a.ID)
		}
	case a.SourcePort > 0:
		k.sourcePort = uint16(a.SourcePort)
	default:
		k.sourcePort = uint16(firstPort + l.started - 1)
	}
	for a.ID == 0 && a.SourcePort == 0 && (l.asked[int(k.sourcePort)] || l.recorder.knows(k)) {
		k.sourcePort++
	}
	return k
}

// askedFor returns the echo ids and source ports that a scenario sets explicitly; no other stream
// gets them.
func askedFor(sc *scenario.Scenario) map[int]bool {
	asked := map[int]bool{}
	for _, e := range sc.Experiments {
		for _, action := range e.Do {
			if a, ok := action.(scenario.Start); ok {
				asked[max(a.ID, a.SourcePort)] = true
			}
		}
	}
	return asked
}

// open opens the stream's socket.
func (l *Lab) open(ctx context.Context, from *Host, r *running) (*pinger.Stream, error) {
	observe := func(probe pinger.Probe) { l.observe(r.Start.Stream, probe) }
	source, target := netip.AddrPortFrom(r.key.source, r.key.sourcePort), netip.AddrPortFrom(r.key.target, r.key.port)
	switch r.Protocol {
	case packet.TCP:
		return pinger.TCP{Source: source, Target: target, Size: sizeOf(r.Start), Interval: l.interval, Keepalive: r.Keepalive, Pusher: r.pusher, Observe: observe}.Start(ctx, from.ns, 0)
	case packet.UDP:
		return pinger.UDP{Source: source, Target: target, Size: sizeOf(r.Start), Interval: l.interval, Pusher: r.pusher, Observe: observe}.Start(ctx, from.ns, 0)
	}
	return pinger.Ping{Target: r.key.target, EchoID: r.key.sourcePort, Size: sizeOf(r.Start), Interval: l.interval, Observe: observe}.Start(ctx, from.ns, 0)
}

func sizeOf(a scenario.Start) int {
	switch {
	case a.Size > 0:
		return a.Size
	case a.Protocol == packet.ICMP:
		return usualPing
	}
	return usualMessage
}

// serve echoes at the stream's port, unless a server does so already, and returns the server.
func (l *Lab) serve(to *Host, target netip.Addr, a scenario.Start) (*pinger.Server, error) {
	at := netip.AddrPortFrom(target, uint16(a.Port))
	key := fmt.Sprint(a.Protocol, at)
	if server := l.servers[key]; server != nil {
		return server, nil
	}
	server, err := pinger.Serve(to.ns, a.Protocol, at)
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, say.Errorf("a program on %s already listens on %s port %d", to.Name, a.Protocol, a.Port)
	}
	if err != nil {
		return nil, err
	}
	l.servers[key] = server
	return server, nil
}

// stop ends a stream.
func (l *Lab) stop(name string) (*running, error) {
	for i, r := range l.streams {
		if r.Start.Stream != name {
			continue
		}
		l.streams = append(l.streams[:i:i], l.streams[i+1:]...)
		l.log.Append(timeline.StreamStopped{Stream: name})
		return r, r.Wait()
	}
	return nil, say.Errorf("stop stream %s: it is not running", name)
}

// restart ends a stream and starts an identical one.
func (l *Lab) restart(ctx context.Context, a scenario.Restart) error {
	r, err := l.stop(a.Stream)
	if err != nil {
		return err
	}
	again := r.Start
	again.Stream, again.ID, again.SourcePort = a.As, 0, 0
	if a.Same {
		again.ID, again.SourcePort = int(r.key.sourcePort), int(r.key.sourcePort)
	}
	return l.start(ctx, again)
}

// observe records what the sender of a stream reports about a packet.
func (l *Lab) observe(stream string, probe pinger.Probe) {
	switch probe.Fate {
	case pinger.Waiting:
		if probe.Connected {
			l.log.Append(timeline.Connected{Stream: stream, Seq: probe.Seq})
			return
		}
		l.log.Append(timeline.Sent{Stream: stream, Seq: probe.Seq, Connecting: probe.Connecting, Pushed: probe.Pushed})
	case pinger.Replied, pinger.Late:
		l.log.Append(timeline.Replied{Stream: stream, Seq: probe.Seq, RTT: probe.RTT, Late: probe.Fate == pinger.Late})
		l.collector.now()
	case pinger.Unreached:
		l.log.Append(timeline.Unreached{Stream: stream, Seq: probe.Seq, Error: probe.Err.Error()})
	case pinger.LocalDrop, pinger.SendError:
		l.log.Append(timeline.NotSent{Stream: stream, Seq: probe.Seq, Local: probe.Fate == pinger.LocalDrop, Error: probe.Err.Error()})
	}
}
