package lab

import (
	"cmp"
	"context"
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lablab/enforce"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/ns"
	"lablab/pinger"
	"lablab/play"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// A Lab is a set of hosts, linked to each other and guarded by their security groups. It exists
// only in this process and disappears with it, however the process ends.
type Lab struct {
	hosts  []*Host
	middle *ns.Namespace // where the switch is, if there are more than two hosts
	// They serialize changes to the groups and dumps of conntrack.
	changing, reading sync.Mutex
	policy            play.Policy
	rules             *play.Recorder
	related           enforce.Related
	scale             float64        // of the models' delays, in a time-lapse
	due               []*dueRevision // that have not been waited for
	settings          conntrack.Settings
	// Streams continue from one experiment to the next.
	streams  []*running
	started  int // how many streams were started
	asked    map[int]bool
	servers  map[string]*pinger.Server
	free     free
	interval time.Duration // between two packets of a stream
	// keepOutput is whether what programs write is recorded.
	keepOutput bool
	log        *timeline.Log

	watchers  sync.WaitGroup
	watching  context.Context    // done when the watchers are to stop
	unwatch   context.CancelFunc // stops them
	broken    context.Context    // done when a watcher has panicked, with that as its cause
	fail      context.CancelCauseFunc
	collector *collector
	recorder  *recorder
}

// A Host is a machine of the lab.
type Host struct {
	scenario.Host
	ns    *ns.Namespace
	rules *nft.Firewall // nil if it has a ruleset of its own
	own   *nft.Adopted  // which is this
	// wasUntracked is whether the rules have marked entries of untracked flows.
	wasUntracked bool
	loose        bool // whether it picks up TCP connections mid-stream
	conntrack    *conntrack.Table
	blocked      blocked
	uts          *os.File // its UTS namespace, or nil: only interactive labs have them
}

// Build creates the hosts and their links, enforces the groups and starts watching. Everything that
// happens from then on goes into log. The error is an *Unable if the machine lacks something.
func Build(ctx context.Context, sc *scenario.Scenario, o Options, log *timeline.Log) (*Lab, error) {
	log.Append(play.Begun(sc, timeline.Begun{Version: o.Version, Kernel: kernel(), Target: timeline.OnKernel, Evidence: timeline.AllEvidence(), Rootless: o.Rootless, Interval: o.Interval, Started: time.Now()}))
	var l *Lab
	err := onceLoaded(ctx, func() error { return haveModules(len(sc.Hosts) > 2) }, func() (err error) {
		l, err = buildOnce(ctx, sc, o, log)
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func buildOnce(ctx context.Context, sc *scenario.Scenario, o Options, log *timeline.Log) (*Lab, error) {
	l := &Lab{
		log: log, interval: o.Interval, keepOutput: o.KeepOutput, unwatch: func() {}, recorder: newRecorder(log), policy: play.PolicyOf(sc), rules: play.NewRecorder(log), asked: askedFor(sc), servers: map[string]*pinger.Server{},
		related: enforce.Related(sc.Related), scale: cmp.Or(sc.TimeScale, 1), settings: conntrack.Settings{Timeouts: sc.Timeouts, Loose: sc.Loose},
	}
	l.broken, l.fail = context.WithCancelCause(context.Background())
	if err := l.build(ctx, sc); err != nil {
		_ = l.Close() // the build error is the one to report
		if len(scenario.ProblemsOf(err)) > 0 {
			return nil, err
		}
		return nil, unableTo(buildLab, err)
	}
	return l, nil
}

func (l *Lab) build(ctx context.Context, sc *scenario.Scenario) error {
	for _, h := range sc.Hosts {
		loose := sc.Loose
		if its := h.Enforcement().Traits().Loose; its != nil {
			loose = *its
		}
		l.hosts = append(l.hosts, &Host{Host: h, loose: loose})
	}
	if err := each(l.hosts, prepare); err != nil {
		return err
	}
	if err := l.connect(ctx); err != nil {
		return err
	}
	if err := each(l.hosts, func(h *Host) error { return l.install(ctx, h) }); err != nil {
		return err
	}
	l.rules.Begin(l.policy)
	return l.watch()
}

// prepare creates the host's namespace and keeps it quiet.
func prepare(h *Host) (err error) {
	if h.ns, err = ns.New(); err != nil {
		return unableTo(makeNamespace, err)
	}
	// No autoconfigured address, no router solicitation, no duplicate address detection: the host
	// sends nothing by itself. IPv6 stays enabled for programs that listen on any address, even if
	// the hosts use IPv4.
	settings := map[string]string{
		"ipv6/conf/default/accept_dad": "0", "ipv6/conf/default/accept_ra": "0",
		"ipv6/conf/default/router_solicitations": "0",
	}
	err = h.ns.SetSysctl(settings)
	if errors.Is(err, unix.ENOENT) && h.Address.Addr().Is4() {
		err = nil // a kernel without IPv6 is quiet anyway
	}
	if err != nil {
		return err
	}
	// Not every kernel has these. TCP retransmits at least once a second (Linux 6.15), so that a
	// connection resumes soon after it is allowed again, and TCP does not give up. A server keeps no
	// half-open socket of an attempt whose SYN-ACK was dropped (SYN cookies), and answers every SYN
	// for an earlier connection: so each attempt from a port is answered like the first. ICMP errors
	// are not rate-limited.
	for key, value := range map[string]string{
		"ipv4/tcp_syncookies": "2", "ipv4/tcp_invalid_ratelimit": "0",
		"ipv4/tcp_rto_max_ms": "1000", "ipv4/tcp_retries2": "255", "ipv4/icmp_ratemask": "0", "ipv6/icmp/ratemask": "\n",
	} {
		if err := h.ns.SetSysctl(map[string]string{key: value}); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// install enforces the host's groups and turns on conntrack accounting, before any packet is sent.
// The rules come first: on a kernel with modules it is they that load conntrack.
func (l *Lab) install(ctx context.Context, h *Host) (err error) {
	if h.Ruleset != nil {
		err = adopt(ctx, h)
	} else {
		err = l.installGroups(h)
	}
	if err != nil {
		return err
	}
	if err := conntrack.Configure(h.ns, h.settings(l.settings)); err != nil {
		return unableTo(armConntrack, err)
	}
	if h.conntrack, err = conntrack.OpenTable(h.ns); err != nil {
		return unableTo(dumpEntries, err)
	}
	return nil
}

func (l *Lab) installGroups(h *Host) error {
	enforced := l.enforced(l.policy, h)
	tables, err := enforce.Compile(enforced)
	if err != nil {
		return err
	}
	if h.rules, err = nft.Install(h.ns, tables); err != nil {
		return unableTo(installRules, err)
	}
	h.wasUntracked = enforced.MarksUntracked()
	return nil
}

// settings returns the settings of conntrack as they are for the host.
func (h *Host) settings(s conntrack.Settings) conntrack.Settings {
	s.Loose = h.loose
	if h.Timeouts != nil {
		s.Timeouts = *h.Timeouts
	}
	return s
}

// host returns the host with that name.
func (l *Lab) host(name string) (*Host, error) {
	for _, h := range l.hosts {
		if h.Name == name {
			return h, nil
		}
	}
	return nil, say.Errorf("find host %s: the lab has no host of that name", name)
}

// Close stops the streams and the watchers and releases the namespaces. The kernel destroys them
// within milliseconds.
func (l *Lab) Close() error {
	l.free.end()
	l.stopTraffic()
	var errs []error
	for _, s := range l.streams {
		errs = append(errs, s.Wait())
	}
	l.free.waiters.Wait()
	for _, s := range l.servers {
		errs = append(errs, s.Close())
	}
	l.fail(nil)
	if l.middle != nil {
		errs = append(errs, l.middle.Close())
	}
	return errors.Join(append(errs, each(l.hosts, (*Host).close))...)
}

// stopTraffic stops the traffic and collects its last verdicts and events.
func (l *Lab) stopTraffic() {
	for _, s := range l.streams {
		s.End()
	}
	l.unwatch()
	l.watchers.Wait()
}

// survive turns a panic in a watcher into a failure of the lab.
func (l *Lab) survive() {
	if p := recover(); p != nil {
		l.fail(say.Errorf("watch: panic: %v\n%s", p, debug.Stack()))
	}
}

// close releases everything that the host holds, even if it was only partly built.
func (h *Host) close() error {
	var errs []error
	if h.rules != nil {
		h.rules.Close()
	}
	if h.own != nil {
		h.own.Close()
	}
	if h.conntrack != nil {
		errs = append(errs, h.conntrack.Close())
	}
	if h.uts != nil {
		errs = append(errs, h.uts.Close())
	}
	if h.ns != nil {
		errs = append(errs, h.ns.Close())
	}
	return errors.Join(errs...)
}

// each calls do for all hosts in parallel and returns the first error.
func each(hosts []*Host, do func(*Host) error) error {
	errs := make([]error, len(hosts))
	var wg sync.WaitGroup
	for i, h := range hosts {
		wg.Go(func() { errs[i] = do(h) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
