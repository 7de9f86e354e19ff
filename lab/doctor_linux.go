package lab

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"lablab/flow"
	"lablab/lab/ns"
	"lablab/nft"
	"lablab/pinger"
	"lablab/say"
)

// Diagnose builds a small lab step by step and says what came of each. It needs
// no power: what cannot be done without is a finding. Where no user namespace
// could be made, noWay is why.
func Diagnose(ctx context.Context, noWay error) Diagnosis {
	e := &examination{noWay: noWay}
	defer e.close()
	return e.examine(ctx, e.trials())
}

// A trial is one step, and the steps that it takes.
type trial struct {
	name   string
	needed bool
	after  []string
	try    func(context.Context) (Finding, error)
}

// An examination is the lab as far as it was built, and what was seen in it.
type examination struct {
	noWay    error
	a, b     *Host // a carries the group; b pings it
	hosts    []*Host
	middle   *ns.Namespace
	spare    []*ns.Namespace
	lacking  []error // of each of nft.Expressions
	traces   []*nft.Trace
	traceErr error
	events   *flow.Watch
	eventErr error
	streams  []*pinger.Stream
	verdicts []nft.Verdict // of both, as they came
}

// examine goes through the trials. One whose ground is missing is not tried.
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

// missingFor is the finding of a trial that failed. One that could do without was
// not even tried, if there is no room for it.
func missingFor(err error, needed bool) Finding {
	f := Finding{Status: Missing, Found: say.F("%v", err), Hint: say.F("lablab has no explanation for this: please report it with the kernel version")}
	var unable *Unable
	if errors.As(err, &unable) {
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

// trials are all there are, in order.
func (e *examination) trials() []trial {
	rootless := ns.IsRootless()
	const files, namespace, veth, tables, rules, ping = "open files", "network namespace", "veth", "nf_tables", "ruleset", "ping"
	list := []trial{
		{"kernel", false, nil, tryKernel},
		{"root", !rootless, nil, tryRoot},
		{files, true, nil, tryOpenFiles},
		{"user namespace", rootless || e.noWay != nil, []string{files}, e.tryUserNamespace},
		{namespace, true, []string{files}, e.tryNamespace},
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

// close lets go of everything. It waits for nothing that the kernel does by itself.
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
