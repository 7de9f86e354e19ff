package pinger_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/ns"
	"lablab/packet"
	"lablab/pinger"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// A record holds what a stream reported about its probes.
type record struct {
	mu     sync.Mutex
	probes map[int]pinger.Probe
	sent   []int
}

func (r *record) observe(p pinger.Probe) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.probes[p.Seq]; !known {
		r.sent = append(r.sent, p.Seq)
	}
	r.probes[p.Seq] = p
}

// count returns how many probes had each fate.
func (r *record) count() map[pinger.Fate]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	fates := map[pinger.Fate]int{}
	for _, p := range r.probes {
		fates[p.Fate]++
	}
	return fates
}

func (r *record) want(t *testing.T, want map[pinger.Fate]int) {
	t.Helper()
	if got := r.count(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("fates %v, want %v", got, want)
	}
	for i, seq := range r.sent {
		if seq != i+1 {
			t.Fatalf("sequence numbers %v: not one after another", r.sent)
		}
	}
}

func start(t *testing.T, n *ns.Namespace, id uint16, interval time.Duration, let int) (*pinger.Stream, *record) {
	t.Helper()
	r := &record{probes: map[int]pinger.Probe{}}
	s, err := pinger.Ping{Target: nstest.Right, EchoID: id, Size: 56, Interval: interval, Observe: r.observe}.Start(t.Context(), n, let)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Wait() })
	return s, r
}

func settle(t *testing.T, s *pinger.Stream) {
	t.Helper()
	if err := s.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// However often the stream is held and released, at any pace, exactly the released number of
// packets passes each time.
func TestHeldStreamSendsExactlyWhatItMay(t *testing.T) {
	left, _ := nstest.Wire(t)
	nstest.Busy(t, 2)
	for _, interval := range []time.Duration{time.Millisecond, 7 * time.Millisecond} {
		t.Run(interval.String(), func(t *testing.T) {
			s, r := start(t, left, 11, interval, 5)
			sent := 5
			settle(t, s)
			for _, n := range []int{1, 9, 2, 1, 1, 20} {
				if s.Len() != sent {
					t.Fatalf("%d packets passed, %d were let", s.Len(), sent)
				}
				<-time.After(5 * interval / 2) // long enough for a stream that is not held to send
				if s.Len() != sent {
					t.Fatalf("%d packets passed while held, %d were let", s.Len(), sent)
				}
				s.Let(n)
				sent += n
				settle(t, s)
			}
			r.want(t, map[pinger.Fate]int{pinger.Replied: sent})
		})
	}
}

func deny(t *testing.T, n *ns.Namespace, chain string) {
	t.Helper()
	nstest.Input(t, n, fmt.Sprintf("table ip deny { chain c { type filter hook %s priority 0; icmp type echo-request drop; }; }", chain), "nft", "-f", "-")
}

func allow(t *testing.T, n *ns.Namespace) {
	t.Helper()
	nstest.Output(t, n, "nft", "delete", "table", "ip", "deny")
}

// The sender's own firewall drops some packets mid-stream. pro-bing's statistics would not show
// them.
func TestLocalDropsAreCounted(t *testing.T) {
	left, _ := nstest.Wire(t)
	s, r := start(t, left, 12, 2*time.Millisecond, 4)
	settle(t, s)
	deny(t, left, "output")
	s.Let(6)
	settle(t, s)
	allow(t, left)
	s.Let(3)
	settle(t, s)
	r.want(t, map[pinger.Fate]int{pinger.Replied: 7, pinger.LocalDrop: 6})
	for i := range 6 {
		if got := s.Failed(i); got != 5+i {
			t.Errorf("failed packet %d is seq %d, want %d", i, got, 5+i)
		}
	}
	// A packet that never left does not use up its echo sequence number.
	for echo, want := range []int{1, 2, 3, 4, 11, 12, 13} {
		if got := s.Seq(uint16(echo)); got != want {
			t.Errorf("echo sequence number %d is seq %d, want %d", echo, got, want)
		}
	}
}

// pro-bing gives up if the very first packet is dropped; a stream must not.
func TestLocalDropsFromTheStart(t *testing.T) {
	left, _ := nstest.Wire(t)
	deny(t, left, "output")
	s, r := start(t, left, 13, 2*time.Millisecond, 4)
	settle(t, s)
	r.want(t, map[pinger.Fate]int{pinger.LocalDrop: 4})
	allow(t, left)
	s.Let(3)
	settle(t, s)
	r.want(t, map[pinger.Fate]int{pinger.LocalDrop: 4, pinger.Replied: 3})
}

// Without reports of drops, the stream waits and then considers its packets lost.
func TestLostPacketsEndPatience(t *testing.T) {
	t.Parallel()
	left, right := nstest.Wire(t)
	deny(t, right, "input")
	s, r := start(t, left, 14, 2*time.Millisecond, 3)
	settle(t, s)
	r.want(t, map[pinger.Fate]int{pinger.Waiting: 3})
	allow(t, right)
	s.Let(2)
	settle(t, s)
	r.want(t, map[pinger.Fate]int{pinger.Waiting: 3, pinger.Replied: 2})
}

// With reports of drops, it does not wait.
func TestDroppedPacketsAreNotWaitedFor(t *testing.T) {
	left, right := nstest.Wire(t)
	deny(t, right, "input")
	s, _ := start(t, left, 15, time.Millisecond, 3)
	for seq := 1; seq <= 3; seq++ {
		s.Dropped(seq) // may be called before the packet is recorded as sent
		s.Dropped(seq)
	}
	began := time.Now()
	settle(t, s)
	if waited := time.Since(began); waited >= pinger.Patience {
		t.Errorf("settled after %s", waited)
	}
}

// A connection leaves its port to the next attempt at once, even if it is given up just as it is
// established and the other end never hears of it.
func TestGivenUpConnectionLeavesItsPort(t *testing.T) {
	left, right := nstest.Wire(t)
	nstest.Input(t, right, "table ip deny { chain c { type filter hook input priority 0; tcp flags & (fin | syn) == fin drop; }; }", "nft", "-f", "-")
	source, target := netip.AddrPortFrom(nstest.Left, 40000), netip.AddrPortFrom(nstest.Right, 22)
	server, err := pinger.Serve(right, packet.TCP, target)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for i := range 500 {
		dialing := make(chan struct{})
		begun := sync.OnceFunc(func() { close(dialing) })
		s, err := pinger.TCP{Source: source, Target: target, Size: 64, Interval: time.Millisecond,
			Observe: func(pinger.Probe) { begun() }}.Start(t.Context(), left, 1)
		if err != nil {
			t.Fatal(err)
		}
		<-dialing
		// Somewhere in the first 200 µs the kernel completes the handshake, a moment before the
		// dialer hears of it. Sleeping is too coarse to hit that moment.
		for since := time.Now(); time.Since(since) < time.Duration(i%200)*time.Microsecond; {
		}
		s.Dropped(1)
		s.Let(1)
		if err := errors.Join(s.Settle(t.Context()), s.Wait()); err != nil {
			t.Fatalf("attempt %d: %v", i, err)
		}
		if second := s.Probes()[1]; second.Fate != pinger.Replied {
			t.Fatalf("attempt %d: the next was %+v", i, second)
		}
	}
}

// A stream takes the port of the last one at once, even while this process starts programs.
func TestPortIsTakenAgain(t *testing.T) {
	t.Parallel()
	left, right := nstest.Wire(t)
	source, target := netip.AddrPortFrom(nstest.Left, 40000), netip.AddrPortFrom(nstest.Right, 22)
	ctx, cancel := context.WithCancel(t.Context())
	var starting sync.WaitGroup
	defer starting.Wait()
	defer cancel()
	for range 3 {
		starting.Go(func() {
			for ctx.Err() == nil {
				_ = exec.Command("sleep", "0").Run()
			}
		})
	}
	for _, p := range []packet.Protocol{packet.TCP, packet.UDP} {
		server, err := pinger.Serve(right, p, target)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		start := map[packet.Protocol]func(context.Context, *ns.Namespace, int) (*pinger.Stream, error){
			packet.TCP: pinger.TCP{Source: source, Target: target, Size: 64, Interval: time.Millisecond, Observe: func(pinger.Probe) {}}.Start,
			packet.UDP: pinger.UDP{Source: source, Target: target, Size: 64, Interval: time.Millisecond, Observe: func(pinger.Probe) {}}.Start,
		}[p]
		for i := range 100 {
			s, err := start(ctx, left, 1)
			if err == nil {
				err = errors.Join(s.Settle(ctx), s.Wait())
			}
			if err != nil {
				t.Fatalf("%s stream %d: %v", p, i, err)
			}
		}
	}
}

// Two streams between the same hosts do not take each other's replies.
func TestStreamsAreIndependent(t *testing.T) {
	left, _ := nstest.Wire(t)
	one, first := start(t, left, 16, time.Millisecond, 30)
	two, second := start(t, left, 17, time.Millisecond, 20)
	settle(t, one)
	settle(t, two)
	first.want(t, map[pinger.Fate]int{pinger.Replied: 30})
	second.want(t, map[pinger.Fate]int{pinger.Replied: 20})
}

// Our round-trip times are of the same order as those of ping(8) between the same hosts, and none
// is zero.
func TestRoundTripTimesAreMeasured(t *testing.T) {
	left, _ := nstest.Wire(t)
	s, r := start(t, left, 18, 10*time.Millisecond, 10)
	settle(t, s)
	for _, p := range r.probes {
		if p.RTT <= 0 || p.RTT > time.Second {
			t.Errorf("seq %d: round-trip time %s", p.Seq, p.RTT)
		}
	}
	out := nstest.Output(t, left, "ping", "-q", "-c", "10", "-i", "0.01", nstest.Right.String())
	if !regexp.MustCompile(`10 packets transmitted, 10 received, 0% packet loss`).MatchString(out) {
		t.Errorf("ping(8) lost packets:\n%s", out)
	}
}
