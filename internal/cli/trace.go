package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/packet"
	"lablab/say"
	"lablab/timeline"
)

// traceFlags say which packets to print, and how.
type traceFlags struct {
	host, protocol, from, format string
	port                         uint16
}

func newTrace(env Env) *cobra.Command {
	var f traceFlags
	c := &cobra.Command{
		Use: "trace [HOST]", Short: "Print one line per packet: verdict, rule, conntrack state", Args: arguments(0, 1),
		Long: `Trace prints one line for each packet that the rules of a host check from now on: host,
direction, conntrack state, verdict, the rule behind it, and the packet. It ends with
Ctrl-C or with the lab, and then prints how many packets there were and what was lost.`,
		Example: `  lablab trace A --protocol tcp --port 22
  lablab trace --from B --format jsonl`,
	}
	c.Flags().StringVar(&f.protocol, "protocol", "", "only packets of this protocol: tcp, udp, icmp, icmpv6 or a number")
	c.Flags().Uint16Var(&f.port, "port", 0, "only packets from or to this port")
	c.Flags().StringVar(&f.from, "from", "", "only packets from this address, address range or host: `ADDR`")
	c.Flags().StringVar(&f.format, "format", "text", "output format: text, or jsonl (the events)")
	next(c, env.Language.Sprintf("to list the conntrack entries: lablab flows"))
	return verb(env, c, func(ctx context.Context, lab *control.Client, args []string) error {
		f.host = strings.Join(args, "")
		status, err := lab.Status(ctx)
		if err != nil {
			return err
		}
		if f.host != "" && !hasHost(status, f.host) {
			return noHost(status, f.host)
		}
		t, err := f.tracer(env.Stdout, status, env.Language)
		if err != nil {
			return err
		}
		begun := func() {
			_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("tracing lab %s; press Ctrl-C to stop", status.Name))
		}
		err = t.follow(ctx, lab, begun, status.Last)
		_, _ = fmt.Fprintln(env.Stderr, t.summary().In(env.Language))
		return ended(err)
	})
}

func hasHost(status control.Status, name string) bool {
	return slices.ContainsFunc(status.Hosts, func(h control.Host) bool { return h.Name == name })
}

// ended drops the error of an endless command that the user has interrupted.
func ended(err error) error {
	var interrupted interrupt
	if errors.As(err, &interrupted) {
		return nil
	}
	return err
}

// A tracer writes the verdicts on matching packets, and counts what it could not see.
type tracer struct {
	traceFlags
	out       io.Writer
	language  *say.Language
	wanted    packet.Protocol
	source    netip.Prefix
	proving   bool // another lab is running its self-check, whose packets are left out
	packets   int
	last      uint64         // number of the last event
	forgotten uint64         // events that the lab had forgotten before they were read
	late      atomic.Bool    // the lab did not send the latest events in time
	missed    map[string]int // number of lost messages from the kernel, by host
}

func (f traceFlags) tracer(out io.Writer, status control.Status, l *say.Language) (*tracer, error) {
	t := &tracer{traceFlags: f, out: out, language: l, missed: map[string]int{}}
	if err := oneOf("--format", f.format, "text", "jsonl"); err != nil {
		return nil, err
	}
	if f.protocol != "" {
		var known bool
		if t.wanted, known = packet.ParseProtocol(f.protocol); !known {
			return nil, &usageError{say.Errorf("--protocol %q is not a protocol", f.protocol), say.F("choose tcp, udp, icmp, icmpv6 or a number")}
		}
		if t.wanted == packet.All {
			t.protocol = ""
		} else if f.port != 0 && t.wanted != packet.TCP && t.wanted != packet.UDP {
			return nil, &usageError{say.Errorf("%s packets have no ports", t.wanted.String()), say.F("--port applies to tcp and udp only")}
		}
	}
	if f.from != "" {
		from := f.from
		for _, h := range status.Hosts {
			if h.Name == from {
				from, _, _ = strings.Cut(h.Address, "/")
			}
		}
		if address, err := netip.ParseAddr(from); err == nil {
			t.source = netip.PrefixFrom(address, address.BitLen())
		} else if t.source, err = netip.ParsePrefix(from); err != nil {
			return nil, &usageError{say.Errorf("--from %q is neither an address nor a host", f.from), say.F("for example 10.255.1.10, 10.255.0.0/16 or B")}
		}
	}
	return t, nil
}

// follow writes events until ctx ends, and then those that had happened by that time. last is the
// number of the event before the first.
func (t *tracer) follow(ctx context.Context, lab *control.Client, begun func(), last uint64) error {
	var seen atomic.Uint64
	seen.Store(last)
	news := make(chan struct{}, 1)
	reading, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(reading, lastWords)
		defer cancel()
		status, err := lab.Status(late)
		for err == nil && late.Err() == nil && seen.Load() < status.Last {
			select {
			case <-news:
			case <-late.Done():
			}
		}
		t.late.Store(errors.Is(late.Err(), context.DeadlineExceeded))
		stop(context.Cause(ctx))
	})()
	return lab.News(reading, begun, func(e timeline.Event) error {
		defer func() {
			seen.Store(e.Seq)
			select {
			case news <- struct{}{}:
			default:
			}
		}()
		return t.see(e)
	})
}

// see handles an event.
func (t *tracer) see(e timeline.Event) error {
	if t.last != 0 && e.Seq > t.last+1 {
		t.forgotten += e.Seq - t.last - 1
	}
	t.last = e.Seq
	switch body := e.Body.(type) {
	case timeline.Begun:
		t.proving = true
	case timeline.Ready:
		t.proving = false
	case timeline.Judged:
		if t.proving || t.host != "" && body.Host != t.host || !t.means(body.Packet) {
			return nil
		}
		t.packets++
		if t.format == "jsonl" {
			return json.NewEncoder(say.JSON(t.out)).Encode(e)
		}
		_, err := fmt.Fprintln(t.out, oneLine(judgedLine(t.language, body)))
		return err
	case timeline.Missed:
		if t.host != "" && body.Host != t.host || body.What != timeline.MissedVerdicts {
			return nil
		}
		t.missed[body.Host] += body.Count
		if t.format == "jsonl" {
			return json.NewEncoder(say.JSON(t.out)).Encode(e)
		}
		_, err := fmt.Fprintln(t.out, t.language.Sprintf("%-4s lost about %d verdicts (socket overflow)", oneLine(body.Host), body.Count))
		return err
	}
	return nil
}

// judgedLine formats a verdict as one line.
func judgedLine(l *say.Language, v timeline.Judged) string {
	verdict := say.F("DROP")
	if v.Accepted {
		verdict = say.F("accept")
	}
	return l.Sprintf("%-4s %-7s %-11s %-6s by %-12s %s", v.Host, v.Direction, v.State, verdict, v.ID, v.Packet)
}

// means reports whether a packet matches the flags.
func (t *tracer) means(h packet.Header) bool {
	switch {
	case t.protocol != "" && h.Protocol != t.wanted:
		return false
	case t.port != 0 && t.port != h.SourcePort && t.port != h.DestinationPort:
		return false
	}
	return t.from == "" || t.source.Contains(h.Source)
}

// summary returns how many packets there were, and how many were missed.
func (t *tracer) summary() say.Sentence {
	var missed []say.Sentence
	for _, host := range slices.Sorted(maps.Keys(t.missed)) {
		missed = append(missed, say.F("about %d verdicts on %s", t.missed[host], host))
	}
	if t.forgotten > 0 {
		missed = append(missed, say.F("%d events (this reader was too slow)", t.forgotten))
	}
	if t.late.Load() {
		missed = append(missed, say.F("the last events: the lab did not send them in time"))
	}
	if len(missed) == 0 {
		return say.F("%d packets, nothing lost", t.packets)
	}
	return say.F("%d packets; lost: %s", t.packets, say.List(", ", missed...))
}
