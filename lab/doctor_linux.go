package lab

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/ns"
	"lablab/pinger"
	"lablab/say"
)

// Diagnose builds a small lab step by step and reports the result of each step. It needs no
// privileges: whatever is impossible without them becomes a finding. If no user namespace could be
// created, noWay says why.
func Diagnose(ctx context.Context, noWay error) Diagnosis {
	e := &examination{noWay: noWay}
	defer e.close()
	return e.examine(ctx, e.trials())
}

// A trial is one step, with the steps that it depends on.
type trial struct {
	name   string
	needed bool
	after  []string
	try    func(context.Context) (Finding, error)
}

// An examination holds the lab as built so far, and what was seen in it.
type examination struct {
	noWay    error
	a, b     *Host // a has the group; b pings it
	hosts    []*Host
	middle   *ns.Namespace
	spare    []*ns.Namespace
	lacking  []error // one for each of nft.Expressions
	traces   []*nft.Trace
	traceErr error
	events   *conntrack.Watch
	eventErr error
	streams  []*pinger.Stream
	verdicts []nft.Verdict // of both hosts, in the order received
}

// examine runs the trials. It skips a trial if one that it depends on failed.
func (e *examination) examine(ctx context.Context, trials []trial) Diagnosis {
	d := Diagnosis{Kernel: kernel(), Rootless: ns.IsRootless()}
	works := map[string]bool{}
	for _, t := range trials {
		f := Finding{Status: NotTried}
		missing := slices.IndexFunc(t.after, func(name string) bool { return !works[name] })
		switch {
		case missing >= 0:
			f.Found = say.F("needs %s", say.Text(t.after[missing]))
		default:
			found, err := t.try(ctx)
			if f = found; err != nil {
				f = missingFor(err, t.needed)
			}
		}
		f.Name, f.Needed = t.name, t.needed
		works[f.Name] = f.Status == Works || f.Status == Degraded
		d.Findings = append(d.Findings, f)
	}
	return d
}

// missingFor turns a failed trial into a finding. An optional trial that only ran out of resources
// counts as not tried.
func missingFor(err error, needed bool) Finding {
	f := Finding{Status: Missing, Found: say.F("%v", err), Hint: say.F("lablab has no explanation for this: please report it with the kernel version")}
	var unable *Unable
	if errors.As(unableTo(buildLab, err), &unable) {
		f.Found, f.Hint = unable.Lacks, unable.Hint
		if errors.Is(err, unix.ENOSPC) && !needed {
			f.Status = NotTried
		}
	}
	return f
}

func found(format string, args ...any) Finding {
	return Finding{Status: Works, Found: say.F(format, args...)}
}

func degraded(hint say.Sentence, format string, args ...any) Finding {
	return Finding{Status: Degraded, Found: say.F(format, args...), Hint: hint}
}

// trials returns all trials, in order.
func (e *examination) trials() []trial {
	rootless := ns.IsRootless()
	const files, threads, namespace, veth, tables, rules, ping = "open files", "threads", "network namespace", "veth", "nf_tables", "ruleset", "ping"
	list := []trial{
		{"kernel", false, nil, tryKernel},
		{"root", !rootless, nil, tryRoot},
		{files, true, nil, tryOpenFiles},
		{threads, true, nil, tryThreads},
		{"user namespace", rootless || e.noWay != nil, []string{files}, e.tryUserNamespace},
		{namespace, true, []string{files, threads}, e.tryNamespace},
		{veth, true, []string{namespace}, e.tryVeth},
		{tables, true, []string{namespace}, e.tryTables},
	}
	needed := []string{veth, tables}
	for i, x := range nft.Expressions() {
		name := "nft " + x.Name
		list = append(list, trial{name, x.Needed, []string{tables}, func(context.Context) (Finding, error) { return e.hasExpression(x, i) }})
		if x.Needed {
			needed = append(needed, name)
		}
	}
	return append(list,
		trial{rules, true, needed, e.tryRuleset},
		trial{"conntrack", true, []string{rules}, e.tryConntrack},
		trial{"conntrack netlink", true, []string{"conntrack"}, e.tryConntrackNetlink},
		trial{ping, true, []string{"conntrack netlink"}, e.tryPing},
		trial{"verdict trace", true, []string{ping}, e.tryTrace},
		trial{"state in the trace", false, []string{"verdict trace"}, e.tryTracedState},
		trial{"conntrack entry", true, []string{ping}, e.tryEntry},
		trial{"conntrack events", true, []string{ping}, e.tryEvents},
		trial{"default deny", true, []string{"verdict trace"}, e.tryDeny},
		trial{"IPv6", false, []string{veth}, e.tryIPv6},
		trial{"bridge", false, []string{veth}, e.tryBridge},
		trial{"namespaces", false, []string{namespace}, e.tryManyNamespaces},
		trial{"netlink buffers", false, []string{"verdict trace"}, e.tryBuffers},
	)
}

// close releases everything. It does not wait for the kernel's own cleanup.
func (e *examination) close() {
	for _, s := range e.streams {
		_ = s.Wait()
	}
	for _, t := range e.traces {
		_ = t.Close()
	}
	if e.events != nil {
		_ = e.events.Close()
	}
	_ = each(e.hosts, (*Host).close)
	for _, n := range append(e.spare, e.middle) {
		if n != nil {
			_ = n.Close()
		}
	}
}
