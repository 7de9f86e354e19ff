package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"lablab/lab"
	"lablab/packet"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// A captureQuery holds the parameters of GET /v1/capture.
type captureQuery struct {
	host     string
	count    int           // packets; 0 for no limit
	duration time.Duration // 0 for no limit
}

func captureQueryOf(r *http.Request) (q captureQuery, err error) {
	values := r.URL.Query()
	q.host = values.Get("host")
	if text := values.Get("count"); text != "" {
		if q.count, err = strconv.Atoi(text); err != nil || q.count < 1 {
			return q, say.Errorf("count=%q is not a number of packets", text)
		}
	}
	if text := values.Get("duration"); text != "" {
		if q.duration, err = time.ParseDuration(text); err != nil || q.duration <= 0 {
			return q, say.Errorf("duration=%q is not a duration", text)
		}
	}
	return q, nil
}

// capture writes the packets on a host's interfaces as pcapng, each with its verdict.
func (s *Server) capture(w http.ResponseWriter, r *http.Request) {
	q, err := captureQueryOf(r)
	if err != nil {
		refuse(w, r, http.StatusBadRequest, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if q.duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, q.duration)
		defer cancel()
	}
	k, release := s.keeper.hold() // until the capture's sockets are open
	release = sync.OnceFunc(release)
	defer release()
	if k == nil {
		refuse(w, r, http.StatusConflict, ErrDown)
		return
	}
	if _, err := k.lab.Namespace(q.host); err != nil {
		refuse(w, r, http.StatusConflict, err)
		return
	}
	k.sync(ctx)
	newest := k.log.Last()
	const waiting = 1024
	frames, begun, failed := make(chan lab.Frame, waiting), make(chan struct{}), make(chan error, 1)
	lost := 0 // known when failed reports it
	go func() {
		defer cancel()
		var err error
		lost, err = k.lab.Capture(ctx, q.host, func() { close(begun) }, func(f lab.Frame) {
			select {
			case frames <- f:
			case <-ctx.Done():
			}
		})
		failed <- err
	}()
	select {
	case <-begun:
	case err := <-failed:
		refuse(w, r, http.StatusConflict, err)
		return
	}
	release()
	w.Header().Set("Content-Type", "application/octet-stream")
	both := slices.ContainsFunc(k.lab.Hosts(), func(h scenario.Host) bool { return h.Name == q.host && h.Second.IsValid() })
	c := &annotator{host: q.host, both: both, count: q.count, flush: http.NewResponseController(w).Flush}
	if err := c.open(w); err == nil {
		c.run(ctx, frames, k.log.SubscribeAfter(ctx, newest))
	}
	cancel()
	err = <-failed
	c.queue = nil // unwritten packets came after the end of the capture
	c.lost(lost)
	_ = c.write(time.Now())
	if err != nil && s.keeper.current() == k { // the cause is not the end of the lab
		panic(http.ErrAbortHandler) // tells the client that the capture is incomplete
	}
}

// An annotator matches packets with verdicts. Both arrive in order, so among several that look
// alike it matches the first packet with the first verdict.
type annotator struct {
	host     string
	both     bool // the host has two interfaces
	count    int
	flush    func() error
	out      *pcapgo.NgWriter
	queue    []annotated
	verdicts []early
}

// An annotated is a packet to be written to the file, or the mark of a change.
type annotated struct {
	lab.Frame
	comment string
	mark    bool
	came    time.Time
}

// An early verdict arrived before its packet.
type early struct {
	timeline.Judged
	came time.Time
}

// patience is how long a packet waits for its verdict, and a verdict for its packet.
const patience = time.Second

var errEnough = say.New("packet count reached")

func (a *annotator) open(w http.ResponseWriter) (err error) {
	options := pcapgo.DefaultNgWriterOptions
	options.SectionInfo = pcapgo.NgSectionInfo{Application: "lablab", Comment: "host " + a.host}
	one := pcapgo.NgInterface{Name: a.host, LinkType: layers.LinkTypeEthernet, TimestampResolution: 9}
	if a.both {
		one.Name += " eth0"
	}
	if a.out, err = pcapgo.NewNgWriterInterface(w, one, options); err != nil {
		return err
	}
	if a.both {
		one.Name = a.host + " eth1"
		if _, err := a.out.AddInterface(one); err != nil {
			return err
		}
	}
	return errors.Join(a.out.Flush(), a.flush())
}

// run writes until ctx is done, the client has gone, or there are enough packets.
func (a *annotator) run(ctx context.Context, frames <-chan lab.Frame, events <-chan timeline.Event) {
	const step = 20 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case f := <-frames:
			a.packet(f)
			continue
		case e, more := <-events:
			if more {
				a.event(e)
				continue
			}
		case <-tick.C:
			if a.write(time.Now().Add(-patience)) != nil {
				return
			}
			continue
		case <-ctx.Done():
		}
		_ = a.write(time.Now()) // packets still waiting will get no verdict
		return
	}
}

// packet queues a packet. Its verdict may have arrived already.
func (a *annotator) packet(f lab.Frame) {
	a.lost(f.Lost)
	p := annotated{Frame: f, came: time.Now()}
	if i := first(len(a.verdicts), func(i int, same matcher) bool { return same(a.verdicts[i].Judged, f) }); i >= 0 {
		p.comment = commentOf(a.verdicts[i].Judged)
		a.verdicts = slices.Delete(a.verdicts, i, i+1)
	}
	a.queue = append(a.queue, p)
}

// lost marks where packets are missing.
func (a *annotator) lost(packets int) {
	if packets > 0 {
		a.mark("%d packets are missing here: they arrived faster than they were written", packets)
	}
}

// mark queues an empty packet with a comment.
func (a *annotator) mark(comment string, args ...any) {
	now := time.Now()
	a.queue = append(a.queue, annotated{Frame: lab.Frame{At: now}, comment: fmt.Sprintf(comment, args...), mark: true, came: now})
}

// event takes a verdict or a change of the rules.
func (a *annotator) event(e timeline.Event) {
	switch body := e.Body.(type) {
	case timeline.Judged:
		if body.Host != a.host {
			return
		}
		i := first(len(a.queue), func(i int, same matcher) bool { return a.queue[i].comment == "" && same(body, a.queue[i].Frame) })
		if i >= 0 {
			a.queue[i].comment = commentOf(body)
		} else {
			a.verdicts = append(a.verdicts, early{body, time.Now()})
		}
	case timeline.RuleAuthorized:
		a.mark("rule %s of group %s authorized: %s %s", body.ID, body.Group, body.Direction, body.Rule)
	case timeline.RuleRevoked:
		a.mark("rule %s of group %s revoked: %s %s", body.ID, body.Group, body.Direction, body.Rule)
	case timeline.GroupsChanged:
		a.mark("groups of host %s from now on: %v", body.Host, body.Groups)
	case timeline.ACLChanged:
		if body.ACL == nil {
			a.mark("host %s has no network ACL from now on", body.Host)
			return
		}
		a.mark("network ACL on %s: %s", body.Host, strings.Join(body.ACL.Lines(), "; "))
	case timeline.PrefixListChanged:
		a.mark("prefix list %s from now on: %v", body.PrefixList, body.Entries)
	}
}

// A matcher reports whether a verdict is about the packet in a frame.
type matcher func(timeline.Judged, lab.Frame) bool

// first returns the index of the first of n that is about the same packet, or -1.
func first(n int, is func(int, matcher) bool) int {
	for _, same := range []matcher{identical, translated} {
		for i := range n {
			if is(i, same) {
				return i
			}
		}
	}
	return -1
}

func identical(v timeline.Judged, f lab.Frame) bool {
	return f.Packet != nil && v.Direction == f.Direction && v.Packet.Same(*f.Packet)
}

// translated allows for a host that forwards and replaces its neighbour's address: the rules see a
// packet that leaves before that, and one that arrives after it.
func translated(v timeline.Judged, f lab.Frame) bool {
	if f.Packet == nil || !v.Forwarded {
		return false
	}
	seen := *f.Packet
	if v.Direction == packet.Egress {
		seen.Source, seen.SourcePort = v.Packet.Source, v.Packet.SourcePort
	} else {
		seen.Destination, seen.DestinationPort = v.Packet.Destination, v.Packet.DestinationPort
	}
	seen.EchoID = v.Packet.EchoID
	f.Packet = &seen
	return identical(v, f)
}

func commentOf(v timeline.Judged) string {
	verdict := "dropped"
	if v.Accepted {
		verdict = "accepted"
	}
	return fmt.Sprintf("%s by %s (%s)", verdict, v.ID, v.State)
}

// write writes queued packets up to the first that may still get its verdict.
func (a *annotator) write(long time.Time) error {
	a.verdicts = slices.DeleteFunc(a.verdicts, func(v early) bool { return v.came.Before(long) })
	n := 0
	for _, p := range a.queue {
		if p.comment == "" && p.Packet != nil && p.came.After(long) {
			break
		}
		n++
		options := pcapgo.NgPacketOptions{}
		if p.comment != "" {
			options.Comments = []string{p.comment}
		}
		info := gopacket.CaptureInfo{Timestamp: p.At, InterfaceIndex: p.Interface, CaptureLength: len(p.Bytes), Length: p.Length}
		if err := a.out.WritePacketWithOptions(info, p.Bytes, options); err != nil {
			return err
		}
		if a.count--; a.count == 0 && !p.mark {
			return errors.Join(a.out.Flush(), a.flush(), errEnough)
		}
		if p.mark {
			a.count++
		}
	}
	a.queue = slices.Delete(a.queue, 0, n)
	if n == 0 {
		return nil
	}
	return errors.Join(a.out.Flush(), a.flush())
}
