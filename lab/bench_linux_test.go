package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	probing "github.com/prometheus-community/pro-bing"

	"lablab/enforce"
	"lablab/ns"
	"lablab/packet"
	"lablab/play"
	"lablab/scenario"
	"lablab/sg"
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

// BenchmarkCompare runs the four experiments under every model, all at a time, with 5 ms between
// packets. It is to take less than two seconds.
func BenchmarkCompare(b *testing.B) {
	var models []enforce.Choice
	for _, m := range enforce.Models() {
		models = append(models, enforce.Choice{Model: m})
	}
	target := func(*scenario.Scenario) play.Target { return Target{Options{Interval: 5 * time.Millisecond}} }
	for b.Loop() {
		for _, run := range play.Compare(b.Context(), scenario.FourExperiments(), models, len(models), target) {
			if run.Err != nil {
				b.Fatal(run.Err)
			}
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
		rule, direction, _ := l.policy.Account.Groups[0].Find("icmp")
		if _, err := l.Apply(b.Context(), revoke("lab", "icmp")); err != nil {
			b.Fatal(err)
		}
		if _, err := l.Apply(b.Context(), authorize("lab", direction, rule)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFlipAmongThousand does the same in a group of a thousand other rules.
func BenchmarkFlipAmongThousand(b *testing.B) {
	sc := scenario.FourExperiments()
	g := sc.Account.Groups[0]
	for i := range 1000 {
		peer := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(i >> 8), byte(i)}), 32)
		g.Ingress = append(g.Ingress, sg.Rule{ID: fmt.Sprint("r", i), Protocol: packet.TCP, From: 22, To: 22, Peer: peer})
	}
	l, err := Build(b.Context(), sc, Options{Interval: time.Millisecond}, timeline.NewLog())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	rule, direction, _ := g.Find("icmp")
	for b.Loop() {
		if _, err := l.Apply(b.Context(), revoke("lab", "icmp")); err != nil {
			b.Fatal(err)
		}
		if _, err := l.Apply(b.Context(), authorize("lab", direction, rule)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRun runs the four experiments at 1 ms; 64 ms of that are the packets themselves.
func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		err := Run(b.Context(), scenario.FourExperiments(), Options{Interval: time.Millisecond}, timeline.NewLog())
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRTT compares the median round-trip time of stream 1 of a real run with that of pro-bing
// alone between the same two hosts, without any watcher.
func BenchmarkRTT(b *testing.B) {
	const packets, interval = 40, 100 * time.Millisecond
	for b.Loop() {
		o := Options{Interval: interval}
		log := timeline.NewLog()
		if err := Run(b.Context(), scenario.FourExperiments(), o, log); err != nil {
			b.Fatal(err)
		}
		var ours []time.Duration
		for _, e := range log.Events() {
			if r, ok := e.Body.(timeline.Replied); ok && r.Stream == "1" {
				ours = append(ours, r.RTT)
			}
		}
		l, err := Build(b.Context(), scenario.FourExperiments(), o, timeline.NewLog())
		if err != nil {
			b.Fatal(err)
		}
		theirs := plainPing(b.Context(), l.hosts[1].ns, l.hosts[0].Address.Addr().String(), packets, interval)
		_ = l.Close()
		b.ReportMetric(float64(median(ours))/1e3, "µs-run")
		b.ReportMetric(float64(median(theirs))/1e3, "µs-plain")
		b.ReportMetric(float64(median(ours))/float64(median(theirs)), "run/plain")
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

// BenchmarkMany runs 200 small scenarios, several at a time, each in its own lab.
func BenchmarkMany(b *testing.B) {
	const scenarios, atOnce = 200, 8
	for b.Loop() {
		work := make(chan string)
		var wg sync.WaitGroup
		for range atOnce {
			wg.Go(func() {
				for name := range work {
					sc, _ := scenario.Builtin(name)
					if err := Run(b.Context(), sc, Options{Interval: time.Millisecond}, timeline.NewLog()); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for range scenarios {
			work <- "dropped"
		}
		close(work)
		wg.Wait()
	}
	b.ReportMetric(scenarios*float64(b.N)/b.Elapsed().Seconds(), "scenarios/s")
}

// BenchmarkMemory keeps 50 labs open at a time, and reports how much memory each of them takes in
// this process and in the kernel.
func BenchmarkMemory(b *testing.B) {
	const labs = 50
	for b.Loop() {
		var held []*Lab
		ours, kernels := memory(b)
		for range labs {
			sc, _ := scenario.Builtin("dropped")
			l, err := Build(b.Context(), sc, Options{Interval: time.Millisecond}, timeline.NewLog())
			if err != nil {
				b.Fatal(err)
			}
			held = append(held, l)
		}
		oursThen, kernelsThen := memory(b)
		for _, l := range held {
			_ = l.Close()
		}
		b.ReportMetric(float64(oursThen-ours)/labs/1024, "KB/lab")
		b.ReportMetric(float64(kernelsThen-kernels)/labs/1024, "kernel-KB/lab")
	}
}

// memory returns the resident size of this process, and the kernel's slabs and other pages of its
// own, in bytes.
func memory(b *testing.B) (ours, kernels int) {
	b.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	read := func(name, key string) int {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		var kb int
		for line := range strings.Lines(string(text)) {
			if rest, found := strings.CutPrefix(line, key+":"); found {
				_, _ = fmt.Sscan(rest, &kb)
			}
		}
		return kb * 1024
	}
	return read("/proc/self/status", "VmRSS"), read("/proc/meminfo", "Slab") + read("/proc/meminfo", "Percpu")
}
