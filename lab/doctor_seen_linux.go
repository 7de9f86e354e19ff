package lab

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"lablab/flow"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// tryTrace looks for the verdicts on the ping.
func (e *examination) tryTrace(ctx context.Context) (f Finding, err error) {
	if e.traceErr != nil {
		return f, e.traceErr
	}
	err = e.await(ctx, func(v nft.Verdict) bool { return v.Accepted && v.State == "new" && v.By.ID == "ping" })
	return found("it reported that rule ping accepted a new flow"), err
}

// tryTracedState looks for the conntrack state in the trace (attributes 18 to 21), which Linux has
// reported since about 6.16.
func (e *examination) tryTracedState(context.Context) (Finding, error) {
	for _, v := range e.verdicts {
		switch v.KernelState {
		case "":
			return degraded(say.F("nothing is lost; Linux 6.16 and newer report it too"), "not reported by this kernel: lablab's own rules supply a packet's state"), nil
		case v.State:
		default:
			return Finding{}, say.Errorf("%s, but the kernel says %s", v, v.KernelState)
		}
	}
	return found("reported, the same as by lablab's own rules"), nil
}

// tryEntry looks for the conntrack entry of the ping.
func (e *examination) tryEntry(context.Context) (f Finding, err error) {
	entries, err := e.a.conntrack.Dump()
	if err != nil {
		return f, unableTo(dumpEntries, err)
	}
	for _, entry := range entries {
		switch {
		case !isDoctors(entry):
		case entry.Mark != doctorsRule:
			return f, say.Errorf("conntrack entry %s has mark %d, not that of the rule that admitted it", entry.Orig, entry.Mark)
		case entry.Sent.Packets != 1 || entry.Got.Packets != 1:
			return f, say.Errorf("conntrack entry %s counts %d packets sent and %d back, not one each", entry.Orig, entry.Sent.Packets, entry.Got.Packets)
		default:
			return found("marked with the rule that admitted the ping; packets are counted"), nil
		}
	}
	return f, say.New("conntrack has no entry for the ping")
}

func isDoctors(entry flow.Entry) bool {
	return entry.Orig.Protocol == packet.ICMP && entry.Orig.ICMPID == doctorsEcho
}

// tryEvents looks for the conntrack events of the ping.
func (e *examination) tryEvents(ctx context.Context) (f Finding, err error) {
	if e.eventErr != nil {
		return f, e.eventErr
	}
	reported, dated := false, false
	err = awaitReport(ctx, reportTime, func() (bool, error) {
		err := e.events.Drain(func(event conntrack.Event) {
			if event.Change != flow.New || !isDoctors(event.Entry) {
				return
			}
			reported = true
			if !event.Kernel.IsZero() {
				dated = true
			}
		}, func(int) {})
		return reported, err
	})
	if errors.Is(err, errNoReport) {
		const option = "CONFIG_NF_CONNTRACK_EVENTS"
		return f, &Unable{Lacks: say.F("conntrack sends no events (%s)", option), Hint: say.F("use a kernel that has %s", option), Err: err}
	}
	if dated {
		return found("the new entry was reported with the kernel's timestamp"), err
	}
	return found("the new entry was reported without a timestamp"), err
}

// tryDeny sends a packet that no rule allows.
func (e *examination) tryDeny(ctx context.Context) (f Finding, err error) {
	const discard = 9 // RFC 863
	err = e.b.sendCanary(netip.AddrPortFrom(e.a.Address.Addr(), discard))
	if err != nil {
		return f, errors.Join(full(e.a, e.b), say.Errorf("send a packet that no rule allows: %w", err))
	}
	var verdict nft.Verdict
	err = e.await(ctx, func(v nft.Verdict) bool {
		verdict = v
		return v.Direction == packet.Ingress && v.Packet.Protocol == packet.UDP
	})
	if err == nil && verdict.Accepted {
		return f, &NotProved{What: say.F("%s was accepted by %s", verdict.Packet, verdict.By.ID)}
	}
	return found("the kernel dropped a packet that no rule allows"), err
}

// await reads the kernel's verdicts until one is wanted.
func (e *examination) await(ctx context.Context, wanted func(nft.Verdict) bool) error {
	looked := 0
	err := awaitReport(ctx, reportTime, func() (bool, error) {
		for _, t := range e.traces {
			if err := t.Drain(func(v nft.Verdict) { e.verdicts = append(e.verdicts, v) }, func(int) {}); err != nil {
				return false, err
			}
		}
		for ; looked < len(e.verdicts); looked++ {
			if wanted(e.verdicts[looked]) {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return say.Errorf("await the verdict on a packet: %w", err)
	}
	return nil
}

var errNoReport = say.New("the kernel reports nothing")

// reportTime is how long to wait for a kernel that reports something at all.
const reportTime = 500 * time.Millisecond

// awaitReport polls until done reports true, for at most patience.
func awaitReport(ctx context.Context, patience time.Duration, done func() (bool, error)) error {
	for left := ns.Patient(patience, time.Millisecond); !left.Over(); left.Spend() {
		if is, err := done(); is || err != nil {
			return err
		}
		select {
		case <-left.Step():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return errNoReport
}
