package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"lablab/lab"
	"lablab/packet"
	"lablab/say"
)

// probe queries the kernel, writes the answers and returns the exit code.
func probe(env Env, f probeFlags) (int, error) {
	if err := oneOf("--rootless", f.rootless, "auto", "always", "never"); err != nil {
		return 0, err
	}
	// Before any file is read: a pipe can be read only once.
	if done, code, err := elsewhere(env, f.rootless); done {
		return code, err
	}
	q, err := f.question()
	if err != nil {
		return 0, err
	}
	ctx, cancel := env.interruptible()
	defer cancel()
	writeLeftOut(env, leftOut(q.account, q.groups))
	if err := lab.Affords(0, 1, fewestHosts); err != nil {
		return 0, err
	}
	prober, err := lab.NewProber(ctx, q.host)
	if err != nil {
		return 0, failure(ctx, err)
	}
	code, err := f.ask(ctx, env, q, prober)
	if err := errors.Join(err, prober.Close()); err != nil {
		var usage *usageError
		if errors.As(err, &usage) {
			return 0, usage
		}
		return 0, failure(ctx, err)
	}
	return code, nil
}

func (f probeFlags) ask(ctx context.Context, env Env, q *question, prober *lab.Prober) (int, error) {
	if f.batch != "" {
		return q.batch(ctx, env, f.batch, prober)
	}
	judgements, err := prober.Ask(ctx, []lab.Probe{*q.packet})
	if err != nil {
		return 0, err
	}
	a := q.answer(*q.packet, judgements[0])
	if a.Verdict == nil { // a prediction does not replace a verdict
		return 0, &lab.Unable{Lacks: say.F("%s: %s", q.packet, impossible()), Hint: say.F("choose another address")}
	}
	if f.format == "json" {
		return a.exit(), json.NewEncoder(say.JSON(env.Stdout)).Encode(a)
	}
	return a.exit(), q.text(env.Stdout, env.Language, a)
}

// text writes an answer for people.
func (q *question) text(w io.Writer, l *say.Language, a answer) error {
	way := say.F("arriving")
	switch {
	case q.packet.Egress:
		way = say.F("leaving")
	case q.packet.Forward:
		way = say.F("passing through")
	}
	type row struct{ what, said say.Sentence }
	rows := []row{{say.F("packet"), say.F("%s, %s", q.packet, way)}}
	if known := q.known(); !known.Empty() {
		rows = append(rows, row{say.F("flow"), known})
	}
	switch {
	case *a.Verdict == "unknown":
		rows = append(rows, row{say.F("verdict"), say.F("unknown: a rule was left out that might allow it")})
	case a.ReleasedBy != "":
		rows = append(rows, row{say.F("arrival"), q.by(a.Group, a.Rule)}, row{say.F("departure"), q.by(a.ReleasedGroup, a.ReleasedBy)})
	case q.packet.Forward:
		rows = append(rows, row{say.F("arrival"), q.by(a.Group, a.Rule)})
	default:
		rows = append(rows, row{say.F("verdict"), q.by(a.Group, a.Rule)})
	}
	if said := a.tracking(); !said.Empty() && q.isEC2() {
		rows = append(rows, row{say.F("tracked"), said})
	}
	for _, f := range slices.Concat(a.Doubts, a.Nearest) {
		rows = append(rows, row{say.Sentence{}, f.Said()})
	}
	agreed := say.F("drop")
	switch a.Predicted {
	case "accept":
		agreed = say.F("accept")
	case "unknown":
		agreed = say.F("unknown")
	}
	if a.exit() == exitDisagree {
		agreed = say.F("%s, but the kernel DISAGREES: please report this", agreed)
	}
	var b strings.Builder
	for _, r := range append(rows, row{say.F("predicted"), agreed}) {
		b.WriteString(l.Sprintf("%-10s %s", r.what, r.said) + "\n")
	}
	_, err := io.WriteString(w, say.Printable(b.String()))
	return err
}

// by says what a rule, or whatever decided instead, did with a packet.
func (q *question) by(id *string, rule string) say.Sentence {
	switch {
	case id != nil:
		group := q.account.Group(*id)
		r, _, _ := group.Find(rule)
		return say.F("accepted by rule %s of group %s (%s): %s", rule, group.ID, group.Name, r)
	case rule == packet.AmazonServiceID:
		return say.F("accepted without a rule: security groups do not filter traffic to this Amazon address")
	case rule == packet.NeighbourDiscoveryID:
		return say.F("accepted without a rule: security groups do not filter neighbour discovery")
	case rule == packet.DefaultDenyID:
		return say.F("dropped: no rule allows it")
	}
	return say.F("accepted as %s, not by a group's rule", rule)
}

// tracking says what becomes of the flow of a packet that a group's rule accepted.
func (a answer) tracking() say.Sentence {
	switch {
	case a.Group == nil || *a.Verdict != "accept":
		return say.Sentence{}
	case a.Tracked == nil:
		return say.F("unknown: a rule was left out that might make the flow untracked")
	case *a.Tracked:
		return say.F("yes, by EC2's documented rules: the flow outlives the rule that admitted it")
	case len(a.EndsWith) == 0:
		return say.F("no: to conntrack the packet begins no flow (%s), so nothing outlives the rule", a.State)
	case len(a.Doubts) > 0:
		return say.F("no, by EC2's documented rules: the flow ends when all rules that allow it are revoked: %s, and perhaps rules that were left out", say.Names(", ", a.EndsWith...))
	case len(a.EndsWith) > 1:
		return say.F("no, by EC2's documented rules: the flow ends when all rules that allow it are revoked: %s", say.Names(", ", a.EndsWith...))
	}
	return say.F("no, by EC2's documented rules: the flow ends when the rule is revoked")
}

// worse returns the exit code of a batch after one more packet. A dropped packet is as good an answer
// as an accepted one.
func worse(code, exit int) int {
	order := []int{exitUnknown, exitUnable, exitDisagree}
	if slices.Index(order, exit) > slices.Index(order, code) {
		return exit
	}
	return code
}

// batch answers a file of packets, in order.
func (q *question) batch(ctx context.Context, env Env, name string, prober *lab.Prober) (code int, err error) {
	from, err := open(name)
	if err != nil {
		return 0, &usageError{say.Errorf("read packets: %w", err), toRead(name, err, say.F("choose a readable file"))}
	}
	defer from.Close()
	out := bufio.NewWriter(env.Stdout)
	encoder := json.NewEncoder(say.JSON(out))
	const many = 1024
	var probes []lab.Probe
	answered := func() error {
		judgements, err := prober.Ask(ctx, probes)
		if err != nil {
			return err
		}
		for i, b := range probes {
			a := q.answer(b, judgements[i])
			code = worse(code, a.exit())
			if err := encoder.Encode(a); err != nil {
				return say.Errorf("write answers: %w", err)
			}
		}
		probes = probes[:0]
		return out.Flush()
	}
	lines := bufio.NewScanner(from)
	for number := 1; lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if bytes.HasPrefix(bytes.TrimSpace(lines.Bytes()), []byte("[")) {
			return 0, &usageError{say.Errorf("%s:%d: a list of packets, but each packet has a line of its own", from.name, number), say.F("to convert it: jq -c .[] FILE")}
		}
		b, err := q.line(lines.Bytes())
		if err != nil {
			return 0, &usageError{say.Errorf("%s:%d: %w", from.name, number, err), say.F(`a line looks like {"from":"203.0.113.7","protocol":"tcp","port":443}`)}
		}
		if probes = append(probes, b); len(probes) == many {
			if err := answered(); err != nil {
				return 0, err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return 0, &usageError{say.Errorf("read packets: %w", err), say.F("a line has at most a few hundred characters")}
	}
	return code, answered()
}
