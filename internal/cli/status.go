package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/say"
)

func newStatus(env Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "status", Short: "Show a lab's hosts, groups and rules", Args: namedByFlag,
		Long: `Status shows a lab's hosts, their groups, and the rules with the number of packets that
each has accepted on all hosts. The counts include the self-check that starts every lab:
a packet to each host, allowed out by a rule and dropped on arrival.`,
	}
	next(c, env.Language.Sprintf("the ruleset of a host: lablab rules HOST; its flows: lablab flows"))
	c.Flags().StringVar(&format, "format", "text", "output format: text or json")
	return verb(env, c, func(ctx context.Context, lab *control.Client, _ []string) error {
		if err := oneOf("--format", format, "text", "json"); err != nil {
			return err
		}
		status, err := lab.Status(ctx)
		if err != nil {
			return err
		}
		if format == "json" {
			return broken(writeJSON(env.Stdout, status))
		}
		entries, packets, err := countsOf(ctx, lab, status)
		if err != nil {
			return err
		}
		return env.print(statusLines(env.Language, status, entries, packets)...)
	})
}

// countsOf returns the number of conntrack entries of each host, and the number of packets that
// each rule, by its number, has accepted on all hosts.
func countsOf(ctx context.Context, lab *control.Client, status control.Status) (entries map[string]int, packets map[uint32]uint64, err error) {
	entries, packets = map[string]int{}, map[uint32]uint64{}
	flows, err := lab.Flows(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	for _, f := range flows {
		if !f.Untracked {
			entries[f.Host]++
		}
	}
	for _, h := range status.Hosts {
		rules, err := lab.Rules(ctx, h.Name)
		if err != nil {
			return nil, nil, err
		}
		for _, c := range rules.Counters {
			packets[c.Number] += c.Packets
		}
	}
	return entries, packets, nil
}

// addressesOf returns the addresses of a host: two if it is in two networks.
func addressesOf(h control.Host) string { return strings.TrimSpace(h.Address + " " + h.Second) }

func statusLines(l *say.Language, status control.Status, entries map[string]int, packets map[uint32]uint64) []string {
	lines := []string{l.Sprintf("lab %s, of scenario %s", status.Name, status.Scenario)}
	if status.Web != "" {
		lines = append(lines, l.Sprintf("  in a browser: %s", status.Web))
	}
	name, address, groups := 0, 0, 0 // columns
	for _, h := range status.Hosts {
		name, address, groups = max(name, say.Width(h.Name)), max(address, len(addressesOf(h))), max(groups, say.Width(carriedBy(h).In(l)))
	}
	for _, h := range status.Hosts {
		line := l.Sprintf("  host %-*s  %-*s  groups: %-*s", name, say.As(h.Name), address, addressesOf(h), groups, carriedBy(h))
		line += l.Sprintf("  conntrack entries: %d", entries[h.Name])
		if h.ACL {
			line += l.Sprintf("  behind a network ACL")
		}
		lines = append(lines, line)
	}
	const usual = 12 // usual width of a rule's id, in columns
	width, text := usual, 0
	for _, g := range status.Groups {
		for _, r := range all(g) {
			width, text = max(width, len(r.ID)), max(text, len(r.Text))
		}
	}
	for _, g := range status.Groups {
		lines = append(lines, l.Sprintf("  group %s", g.ID))
		for _, r := range g.Rules {
			lines = append(lines, l.Sprintf("    %-7s  %-*s %-*s  packets: %d", r.Direction, width, r.ID, text, r.Text, packets[r.Number]))
		}
		for _, r := range g.Revoked {
			lines = append(lines, l.Sprintf("    %-7s  %-*s %s (revoked)", r.Direction, width, r.ID, r.Text))
		}
	}
	for _, list := range status.PrefixLists {
		lines = append(lines, "  "+prefixListLine(l, list))
	}
	return lines
}

// carriedBy returns the groups that are attached to a host.
func carriedBy(h control.Host) say.Sentence {
	if len(h.Groups) == 0 {
		return say.F("none")
	}
	return say.Names(", ", h.Groups...)
}
