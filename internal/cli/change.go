package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/packet"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
)

// ruleFlags are the flags of `aws ec2 authorize-security-group-ingress` and its siblings.
type ruleFlags struct {
	group, protocol, port, cidr, source, permissions string
	ids                                              []string
	egress                                           bool
}

func (f *ruleFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.group, "group-id", "", "`ID` of the security group (required if the lab has several)")
	c.Flags().StringVar(&f.protocol, "protocol", "", "tcp, udp, icmp, all or a protocol number")
	c.Flags().StringVar(&f.port, "port", "", "a port, a range (22-25), or an ICMP type and code (8--1); -1 for all")
	c.Flags().StringVar(&f.cidr, "cidr", "", "address range, IPv4 or IPv6")
	c.Flags().StringVar(&f.source, "source-group", "", "`ID` of a group as the peer")
	c.Flags().StringVar(&f.permissions, "ip-permissions", "", "`PERMISSIONS` as JSON or in the AWS CLI's shorthand, or file://NAME")
	c.Flags().StringSliceVar(&f.ids, "security-group-rule-ids", nil, "rule `ID`s")
	c.Flags().BoolVar(&f.egress, "egress", false, "act on outbound rules")
}

func newAuthorize(env Env) *cobra.Command {
	var f ruleFlags
	c := &cobra.Command{
		Use:   "authorize [RULE-ID]... [flags]",
		Short: "Add rules to a security group of a lab, as the AWS CLI does",
		Example: `  lablab authorize --protocol icmp --port -1 --cidr 10.255.0.0/16
  lablab authorize icmp          # restores a revoked rule`,
	}
	f.add(c)
	return changing(env, c, func(ctx context.Context, lab *control.Client, args []string) error {
		status, err := lab.Status(ctx)
		if err != nil {
			return err
		}
		change, err := f.change(status, args, revoked)
		if err != nil {
			return inAWSWords(err, f.operation("Authorize"), change, status)
		}
		done, err := lab.Apply(ctx, change)
		if err != nil {
			return inAWSWords(err, f.operation("Authorize"), change, status)
		}
		if status, err = lab.Status(ctx); err != nil {
			return err
		}
		var lines []string
		usual := say.F("new flows are allowed in: lablab flows")
		for group, r := range rulesOf(status, change) {
			lines = append(lines, env.Language.Sprintf("authorized in group %s: %s (%s)", group, r.ID, r.Text))
			if r.Direction == packet.Egress {
				usual = say.F("new flows are allowed out: lablab flows")
			}
		}
		next(c, effect(done, usual, "lablab cut").In(env.Language))
		return env.did(lines...)
	})
}

func newRevoke(env Env) *cobra.Command {
	var f ruleFlags
	c := &cobra.Command{
		Use:   "revoke [RULE-ID]... [flags]",
		Short: "Remove rules from a security group of a lab, as the AWS CLI does",
		Example: `  lablab revoke icmp
  lablab revoke --protocol icmp --port -1 --cidr 10.255.0.0/16`,
	}
	f.add(c)
	return changing(env, c, func(ctx context.Context, lab *control.Client, args []string) error {
		status, err := lab.Status(ctx)
		if err != nil {
			return err
		}
		change, err := f.change(status, args, inForce)
		if err != nil {
			return inAWSWords(err, f.operation("Revoke"), change, status)
		}
		if change.Group == "" {
			err := &sg.Error{Code: sg.RuleNotFound, Message: fmt.Sprintf("The security group rule ID '%s' does not exist", oneLine(change.IDs[0]))}
			return inAWSWords(err, f.operation("Revoke"), change, status)
		}
		done, err := lab.Apply(ctx, sg.Revoke(change))
		if err != nil {
			return inAWSWords(err, f.operation("Revoke"), change, status)
		}
		cut := "lablab cut"
		if len(change.IDs) == 1 {
			cut += " --admitted-by " + change.IDs[0]
		}
		next(c, effect(done, say.F("established flows are not affected, only new ones: lablab flows"), cut).In(env.Language))
		var lines []string
		for group, r := range rulesOf(status, change) {
			lines = append(lines, env.Language.Sprintf("revoked from group %s: %s (%s)", group, r.ID, r.Text))
		}
		return env.did(lines...)
	})
}

// rulesOf returns the rules in force that a change affects, each with its group.
func rulesOf(status control.Status, change sg.Authorize) iter.Seq2[string, control.Rule] {
	return func(yield func(string, control.Rule) bool) {
		for _, g := range status.Groups {
			for _, r := range g.Rules {
				if (change.Group == "" || change.Group == g.ID) && about(change, r) && !yield(g.ID, r) {
					return
				}
			}
		}
	}
}

// about reports whether a change affects a rule: it names the rule's id, or has the same content.
func about(change sg.Authorize, r control.Rule) bool {
	return slices.Contains(change.IDs, r.ID) || r.Direction == change.Direction &&
		slices.ContainsFunc(change.Rules, func(same sg.Rule) bool { return same.Same(r.Rule) })
}

// operation returns EC2's name of the requested operation.
func (f ruleFlags) operation(verb string) string {
	if f.egress {
		return verb + "SecurityGroupEgress"
	}
	return verb + "SecurityGroupIngress"
}

func suchAs() say.Sentence {
	return say.F("for example --protocol tcp --port 22 --cidr 203.0.113.0/24, or a rule's id")
}

// inAWSWords returns an error in the AWS CLI's words.
func inAWSWords(err error, operation string, change sg.Authorize, status control.Status) error {
	var ec2 *sg.Error
	if !errors.As(err, &ec2) {
		return err
	}
	hint := say.F("see the group's rules: lablab status")
	switch ec2.Code {
	case sg.InvalidValue:
		hint = suchAs()
	case sg.RuleNotFound:
		for _, id := range change.IDs {
			if meant := scenario.Alike(id, ruleNames(status)); meant != "" && meant != id {
				hint = say.F("did you mean %q?", meant)
			}
		}
	}
	return &usageError{errors.New(ec2.CLI(operation)), hint}
}

func inForce(g control.Group) []control.Rule { return g.Rules }
func revoked(g control.Group) []control.Rule { return g.Revoked }
func all(g control.Group) []control.Rule     { return slices.Concat(g.Rules, g.Revoked) }

// ruleNames returns the ids of a lab's rules, including revoked ones.
func ruleNames(status control.Status) (ids []string) {
	for _, g := range status.Groups {
		for _, r := range all(g) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// change returns the change that the flags request. Arguments may name the rules that of returns
// for a group by their ids.
func (f ruleFlags) change(status control.Status, args []string, of func(control.Group) []control.Rule) (sg.Authorize, error) {
	// The AWS CLI takes several permissions in shorthand behind --ip-permissions.
	if more := slices.IndexFunc(args, func(a string) bool { return !strings.Contains(a, "=") }); f.permissions != "" && more < 0 {
		f.permissions, args = strings.Join(append([]string{f.permissions}, args...), " "), nil
	}
	change := sg.Authorize{Group: f.group, Direction: packet.Ingress, IDs: append(f.ids, args...)}
	if f.egress {
		change.Direction = packet.Egress
	}
	if len(change.IDs) == 0 {
		var err error
		if change.Rules, err = f.rules(change.Direction); err != nil {
			return change, &usageError{err, suchAs()}
		}
	}
	if change.Group != "" {
		return change, nil
	}
	var may []string
	for _, g := range status.Groups {
		has := slices.ContainsFunc(of(g), func(r control.Rule) bool { return slices.Contains(change.IDs, r.ID) })
		if len(change.IDs) == 0 || has || len(status.Groups) == 1 {
			may = append(may, g.ID)
		}
	}
	switch {
	case len(may) == 1:
		change.Group = may[0]
	case len(may) > 1 || len(change.IDs) == 0:
		return change, &usageError{say.New("no security group given"), say.F("choose one: --group-id ID")}
	}
	return change, nil // the lab knows from which group a rule was revoked
}

// rules returns the rules that the flags describe.
func (f ruleFlags) rules(d packet.Direction) ([]sg.Rule, error) {
	if f.permissions != "" {
		if f.protocol != "" || f.port != "" || f.cidr != "" || f.source != "" {
			return nil, say.New("the --protocol, --port, --cidr and --source-group options are not compatible with the --ip-permissions option")
		}
		written, err := fromFile(f.permissions)
		if err != nil {
			return nil, err
		}
		rules, err := sg.Permissions(written)
		for i := range rules {
			rules[i].ID = ruleID(d, rules[i])
		}
		return rules, err
	}
	protocol, known := protocolOf(f.protocol)
	if !known {
		return nil, say.New("protocol parameter should be one of: tcp|udp|icmp|all or any valid protocol number")
	}
	if err := sg.CheckPorts(protocol, f.port != ""); err != nil {
		return nil, err
	}
	rule := sg.Rule{Protocol: protocol, From: sg.Any, To: sg.Any}
	if err := portsOf(&rule, f.port); err != nil {
		return nil, err
	}
	switch {
	case f.cidr != "" && f.source != "":
		return nil, say.New("--cidr and --source-group cannot be combined")
	case f.cidr == "" && f.source == "":
		return nil, say.New("either --cidr or --source-group is required")
	case f.source != "":
		rule.Reference = sg.Reference{GroupID: f.source}
	default:
		prefix, err := netip.ParsePrefix(f.cidr)
		if err != nil {
			return nil, &sg.Error{Code: sg.InvalidValue, Message: fmt.Sprintf("CIDR block %s is malformed", oneLine(f.cidr))} // as in aws-cli issue 2428
		}
		rule.Peer = prefix.Masked()
	}
	rule.ID = ruleID(d, rule)
	return []sg.Rule{rule}, nil
}

// fromFile returns the value of an option. As with the AWS CLI, file://NAME stands for the contents
// of a file.
func fromFile(value string) (string, error) {
	name, isFile := strings.CutPrefix(value, "file://")
	if !isFile {
		return value, nil
	}
	text, _, err := contents(name)
	return string(text), err
}

// portsOf parses --port as the AWS CLI does: 22 is 22-22. With ICMP, 8--1 is type 8 and all codes,
// so 8 alone is type 8 code 8.
func portsOf(rule *sg.Rule, text string) error {
	if rule.Protocol == packet.All || text == "" || text == "-1" || text == "all" {
		return nil
	}
	if n, _ := fmt.Sscanf(text, "%d-%d", &rule.From, &rule.To); n == 2 && text == fmt.Sprintf("%d-%d", rule.From, rule.To) {
		return nil
	}
	if n, _ := fmt.Sscanf(text, "%d", &rule.From); n != 1 || text != fmt.Sprint(rule.From) || rule.From < 0 {
		return say.Errorf("--port %q is neither a port nor a port range", text)
	}
	rule.To = rule.From
	return nil
}

// ruleID derives an id from a rule's content: always the same one, but a different one for each
// direction.
func ruleID(d packet.Direction, r sg.Rule) string {
	id := strings.Map(func(c rune) rune {
		if c == ' ' || c == '/' {
			return '-'
		}
		return c
	}, r.String())
	if d == packet.Egress {
		return "out-" + id
	}
	return id
}
