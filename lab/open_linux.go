package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"lablab/flow"
	"lablab/nft"
	"lablab/nft/ruleset"
	"lablab/ns"
	"lablab/play"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// Open proves that the lab filters, and records that traffic may begin. It is for an interactive
// lab, which runs no scenario.
func (l *Lab) Open(ctx context.Context) error {
	if err := l.prove(ctx); err != nil {
		return errors.Join(full(l.hosts...), err)
	}
	if err := l.forget(); err != nil {
		return err
	}
	for _, h := range l.hosts {
		// A kernel that lacks UTS namespaces or forbids them (CONFIG_UTS_NS,
		// user.max_uts_namespaces) does not make the lab unusable: its hosts just have the
		// machine's hostname.
		h.uts, _ = ns.NewUTS(h.Name)
	}
	l.collector.sync(ctx) // record the kernel's reports on the proof first
	l.log.Append(timeline.Ready{})
	return nil
}

// Sync returns once the timeline contains everything that the kernel has reported by now, or ctx is
// done.
func (l *Lab) Sync(ctx context.Context) { l.collector.sync(ctx) }

// Unplug disconnects all hosts from the network. Programs still running in their namespaces, which
// keep those alive, lose it. All that is left to do with the lab is to close it.
func (l *Lab) Unplug() error { return each(l.hosts, unplug) }

// forget deletes the entries that the proof left on its senders, so that an interactive lab starts
// with empty tables.
func (l *Lab) forget() error {
	for _, h := range l.hosts {
		entries, err := l.Flows(h.Name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if _, err := l.delete(h, e.Orig); err != nil {
				return err
			}
		}
	}
	return nil
}

// Broken returns a context that is done when the lab has failed, with the failure as its cause.
func (l *Lab) Broken() context.Context { return l.broken }

// Policy returns the current policy.
func (l *Lab) Policy() play.Policy {
	l.changing.Lock()
	defer l.changing.Unlock()
	return l.policy
}

// Hosts returns the hosts of the lab.
func (l *Lab) Hosts() []scenario.Host {
	hosts := make([]scenario.Host, len(l.hosts))
	for i, h := range l.hosts {
		hosts[i] = h.Host
	}
	return hosts
}

// Namespace returns the path of a file of this process that holds the host's network namespace.
func (l *Lab) Namespace(host string) (string, error) {
	h, err := l.host(host)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.ns.FD()), nil
}

// UTS returns the path of a file of this process that holds the host's UTS namespace, or "" if the
// host has none.
func (l *Lab) UTS(host string) (string, error) {
	h, err := l.host(host)
	if err != nil || h.uts == nil {
		return "", err
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.uts.Fd()), nil
}

// Flows returns the conntrack entries of a host.
func (l *Lab) Flows(host string) ([]flow.Entry, error) {
	h, err := l.host(host)
	if err != nil {
		return nil, err
	}
	l.reading.Lock()
	defer l.reading.Unlock()
	return l.list(h)
}

// Rules returns the tables in force on a host that decide about packets, with the values of their
// counters, and those counters.
func (l *Lab) Rules(host string) ([]ruleset.Table, []nft.Counter, error) {
	h, err := l.host(host)
	if err != nil {
		return nil, nil, err
	}
	if h.own != nil {
		return nil, nil, say.Errorf("%s has a ruleset of its own; to list it: %s", host, Command("exec "+host+" -- nft -a list ruleset"))
	}
	tables, err := h.rules.Live()
	tables = slices.DeleteFunc(tables, func(t ruleset.Table) bool { return !t.Decides() })
	return tables, nft.Counters(tables), err
}
