package lab

import (
	"context"

	"lablab/flow"
	"lablab/nft"
	"lablab/timeline"
)

// watch begins to listen to the verdicts and the conntrack events of each host.
func (l *Lab) watch() error {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	for _, h := range l.hosts {
		trace, err := h.rules.Trace()
		if err != nil {
			return unableTo(openTrace, err)
		}
		l.listen(h.Name, timeline.MissedVerdicts, func(missed func()) error {
			return trace.Run(ctx, func(v nft.Verdict) { l.verdicts.judged(h.Name, v) }, missed)
		})
		events, err := flow.Open(h.ns)
		if err != nil {
			return unableTo(openEvents, err)
		}
		l.listen(h.Name, timeline.MissedEvents, func(missed func()) error {
			return events.Run(ctx, func(e flow.Event) { l.verdicts.changedEntry(h.Name, e) }, missed)
		})
	}
	return nil
}

// listen runs a watcher until the lab closes. One that breaks has missed the
// rest, and that is confessed rather than hidden.
func (l *Lab) listen(host, what string, run func(missed func()) error) {
	missed := func() { l.verdicts.missed(host, what) }
	l.watchers.Go(func() {
		if err := run(missed); err != nil {
			missed()
		}
	})
}
