package lab

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"sync"

	"lablab/packet"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// The free streams are those of a lab that runs no scenario: they are never held.
type free struct {
	mu      sync.Mutex     // one start or stop at a time
	last    int            // the name of the last stream
	ended   bool           // the lab is being taken down
	waiters sync.WaitGroup // the goroutines that wait for a stream to end
}

// forever is more packets than a stream can send: memory runs out first.
const forever = math.MaxInt

// StartStream starts a stream that sends until it is stopped or the lab is closed, and returns its
// name: "1", "2" and so on. It is for a lab that was opened, not for one that runs a scenario.
func (l *Lab) StartStream(a scenario.Start) (name string, err error) {
	l.free.mu.Lock()
	defer l.free.mu.Unlock()
	if l.free.ended {
		return "", say.New("start stream: the lab is being taken down")
	}
	if a.Protocol != packet.ICMP && (a.Port < 1 || a.Port > 65535) {
		return "", say.Errorf("start stream: %s needs a port from 1 to 65535", a.Protocol)
	}
	if a.Protocol == packet.ICMP && a.Port != 0 {
		return "", say.New("start stream: pings have no port")
	}
	if a.From == a.To {
		return "", say.New("start stream: it needs two hosts")
	}
	for _, host := range []string{a.From, a.To} {
		if _, err := l.host(host); err != nil {
			return "", say.Errorf("start stream: %w", err)
		}
	}
	l.free.last++
	a.Stream = strconv.Itoa(l.free.last)
	if err := l.start(l.broken, a); err != nil {
		l.log.Append(timeline.StreamStopped{Stream: a.Stream, Error: err.Error(), Said: say.KeepError(err)}) // its start may be recorded
		return "", say.Errorf("start stream: %w", err)
	}
	r := l.streams[len(l.streams)-1]
	r.Let(forever)
	l.free.waiters.Go(func() { l.awaitEnd(r) })
	return a.Stream, nil
}

// awaitEnd waits for a free stream to end. If nothing asked it to end, it records why it did.
func (l *Lab) awaitEnd(r *running) {
	<-r.Ended()
	l.free.mu.Lock()
	defer l.free.mu.Unlock()
	i := slices.Index(l.streams, r)
	if i < 0 || l.free.ended || l.broken.Err() != nil {
		return
	}
	l.streams = slices.Delete(slices.Clone(l.streams), i, i+1)
	why := cmp.Or(r.Wait(), say.New("it ended"))
	l.log.Append(timeline.StreamStopped{Stream: r.Start.Stream, Error: why.Error(), Said: say.KeepError(why)})
}

// StopStream ends a stream, and returns once its socket is closed.
func (l *Lab) StopStream(name string) error {
	l.free.mu.Lock()
	defer l.free.mu.Unlock()
	_, err := l.stop(name)
	return err
}

// end prevents any further start or stop of a stream.
func (f *free) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
}
