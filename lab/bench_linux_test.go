package lab

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	probing "github.com/prometheus-community/pro-bing"

	"lablab/lab/ns"
	"lablab/pinger"
	"lablab/scenario"
	"lablab/timeline"
)

// BenchmarkBuild builds a lab and takes it down.
func BenchmarkBuild(b *testing.B) {
	for b.Loop() {
		l, err := Build(b.Context(), scenario.FourExperiments(), Options{Interval: time.Millisecond}, timeline.NewLog())
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFlip revokes a rule on both hosts and authorizes it again.
func BenchmarkFlip(b *testing.B) {
	l, err := Build(b.Context(), scenario.FourExperiments(), Options{Interval: time.Millisecond}, timeline.NewLog())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		rule, direction, _ := l.groups[0].Find("icmp")
		if err := l.Revoke("lab", "icmp"); err != nil {
			b.Fatal(err)
		}
		if err := l.Authorize("lab", direction, rule); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRun plays the four experiments at 1 ms; 64 ms of it are the packets
// themselves.
func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		err := Run(b.Context(), scenario.FourExperiments(), Options{Interval: time.Millisecond}, timeline.NewLog())
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRTT compares the median round-trip time of a stream, which is held
// and let go, with that of pro-bing alone between the same two hosts.
func BenchmarkRTT(b *testing.B) {
	const packets, interval = 40, 100 * time.Millisecond
	for b.Loop() {
		l, err := Build(b.Context(), scenario.FourExperiments(), Options{Interval: time.Millisecond}, timeline.NewLog())
		if err != nil {
			b.Fatal(err)
		}
		var ours []time.Duration
		a, from := l.hosts[0], l.hosts[1]
		target := a.Address.Addr()
		var mu sync.Mutex
		s, err := pinger.Start(b.Context(), from.ns, pinger.Config{Target: target, EchoID: 7, Interval: interval, Observe: func(p pinger.Probe) {
			mu.Lock()
			defer mu.Unlock()
			if p.Fate == pinger.Replied {
				ours = append(ours, p.RTT)
			}
		}}, packets/4)
		if err != nil {
			b.Fatal(err)
		}
		theirs := make(chan []time.Duration)
		go func() { theirs <- plainPing(b.Context(), from.ns, target.String(), packets, interval) }()
		for range 3 {
			_ = s.Settle(b.Context())
			s.Let(packets / 4)
		}
		_ = s.Settle(b.Context())
		plain := <-theirs
		_ = s.Wait()
		_ = l.Close()
		b.ReportMetric(float64(median(ours))/1e3, "µs-held")
		b.ReportMetric(float64(median(plain))/1e3, "µs-plain")
		b.ReportMetric(float64(median(ours))/float64(median(plain)), "held/plain")
	}
}

func plainPing(ctx context.Context, n *ns.Namespace, target string, count int, interval time.Duration) []time.Duration {
	p := probing.New(target)
	p.SetPrivileged(true)
	p.SetID(8)
	p.Count, p.Interval, p.Timeout = count, interval, time.Minute
	p.SetLogger(probing.NoopLogger{})
	_ = n.Do(func() error { return p.RunWithContext(ctx) })
	return p.Statistics().Rtts
}

func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}
