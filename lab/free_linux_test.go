package lab

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/scenario"
	"lablab/timeline"
)

// Free streams are never held: they send until they are stopped, while rules change and listings
// run, and end with the lab.
func TestFreeStreams(t *testing.T) {
	nstest.Kernel(t)
	log := timeline.NewLog()
	l, err := Build(t.Context(), scenario.FourExperiments(), Options{Interval: 5 * time.Millisecond}, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, a := range []scenario.Start{
		{Protocol: packet.ICMP, From: "B", To: "A"}, {Protocol: packet.TCP, From: "B", To: "A", Port: 22}, {Protocol: packet.UDP, From: "B", To: "A", Port: 53},
	} {
		name, err := l.StartStream(a)
		if err != nil || name != strconv.Itoa(i+1) {
			t.Fatalf("%q, %v", name, err)
		}
	}
	for _, a := range []scenario.Start{{Protocol: packet.ICMP, From: "B", To: "Z"}, {Protocol: packet.ICMP, From: "B", To: "B"}, {Protocol: packet.TCP, From: "B", To: "A"}, {Protocol: packet.ICMP, From: "B", To: "A", Port: 7}} {
		if name, err := l.StartStream(a); err == nil {
			t.Errorf("%+v: started as %s", a, name)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for e := range log.Subscribe(ctx) { // wait for a reply before revoking the rule
		if body, is := e.Body.(timeline.Replied); is && body.Stream == "1" {
			break
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			name, err := l.StartStream(scenario.Start{Protocol: packet.ICMP, From: "A", To: "B"})
			if err != nil {
				t.Error(err)
			}
			if _, err := l.Flows("A"); err != nil {
				t.Error(err)
			}
			if err := l.StopStream(name); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		if _, err := l.Apply(t.Context(), revoke("lab", "icmp")); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	replies, refused := map[string]int{}, 0
	for e := range log.Subscribe(ctx) {
		switch body := e.Body.(type) {
		case timeline.Replied:
			replies[body.Stream]++
		case timeline.Judged:
			if body.Stream == "3" && !body.Accepted {
				refused++
			}
		}
		if replies["1"] > 20 && replies["2"] > 20 && refused > 20 {
			break
		}
	}
	if ctx.Err() != nil {
		t.Errorf("%v replies, %d refused", replies, refused)
	}
	if err := l.StopStream("3"); err != nil {
		t.Error(err)
	}
	if err := l.StopStream("3"); err == nil {
		t.Error("stopped twice")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.StartStream(scenario.Start{Protocol: packet.ICMP, From: "B", To: "A"}); err == nil {
		t.Error("started in a lab that is closed")
	}
}

// If the user's own program has the port, a stream cannot be echoed, and the error says so.
func TestFreeStreamWhereSomebodyListens(t *testing.T) {
	nstest.Kernel(t)
	l, err := Build(t.Context(), scenario.FourExperiments(), Options{Interval: 5 * time.Millisecond}, timeline.NewLog())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := l.host("A")
	if err != nil {
		t.Fatal(err)
	}
	var listener net.Listener
	if err := a.ns.Do(func() (err error) {
		listener, err = net.Listen("tcp", "10.255.1.197:22")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = l.StartStream(scenario.Start{Protocol: packet.TCP, From: "B", To: "A", Port: 22})
	if err == nil || err.Error() != "start stream: a program on A already listens on tcp port 22" {
		t.Error(err)
	}
}

// If a stream fails, that is recorded with the reason; the others continue.
func TestFreeStreamBreaks(t *testing.T) {
	nstest.Kernel(t)
	log := timeline.NewLog()
	l, err := Build(t.Context(), scenario.FourExperiments(), Options{Interval: 5 * time.Millisecond}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := l.host("B")
	if err != nil {
		t.Fatal(err)
	}
	nstest.Output(t, b.ns, "ip", "link", "set", "eth0", "down") // makes the network unreachable
	name, err := l.StartStream(scenario.Start{Protocol: packet.TCP, From: "B", To: "A", Port: 22})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for e := range log.Subscribe(ctx) {
		if stopped, ok := e.Body.(timeline.StreamStopped); ok {
			if stopped.Stream != name || stopped.Error != "tcp to 10.255.1.197:22: connect: network is unreachable" {
				t.Errorf("%+v", stopped)
			}
			break
		}
	}
	if ctx.Err() != nil {
		t.Error("no error reports it")
	}
	if err := l.StopStream(name); err == nil {
		t.Error("it still runs")
	}
	if name, err := l.StartStream(scenario.Start{Protocol: packet.UDP, From: "A", To: "B", Port: 53}); err != nil || name != "2" {
		t.Errorf("the next one: %q, %v", name, err)
	}
}
