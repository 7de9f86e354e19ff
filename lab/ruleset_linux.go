package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lablab/flow"
	"lablab/nft"
	"lablab/ns"
	"lablab/packet"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
)

// loader is the program that loads rulesets. Its syntax has no other parser.
const loader = "nft"

// findLoader returns the file of nft(8), from the directories of a PATH. The error is an *Unable if it
// is not installed.
func findLoader(path string) (string, error) {
	program, err := LookUp(loader, path)
	if err != nil {
		return "", &Unable{
			Lacks: say.F("nft(8) is not installed, and only that can load the ruleset of a host"),
			Hint:  say.F("install it: sudo apt install nftables, or the package of that name of another distribution"), Err: err,
		}
	}
	return program, nil
}

// adopt loads the host's own ruleset, and has all of it traced.
func adopt(ctx context.Context, h *Host) error {
	program, err := findLoader(Path(os.Getenv("PATH")))
	if err != nil {
		return err
	}
	if err := load(ctx, program, h); err != nil {
		return err
	}
	if h.own, err = nft.Adopt(h.ns, h.has); err != nil {
		return unableTo(installRules, err)
	}
	return nil
}

// load has nft(8) read the ruleset, in the namespace of the host and in the directory of the file, from
// which it may include others. It starts no other program.
func load(ctx context.Context, program string, h *Host) error {
	const patience = 20 * time.Second
	ctx, cancel := ns.WithPatience(ctx, patience, say.New("nft did not finish"))
	defer cancel()
	directory := filepath.Dir(h.Ruleset.File)
	command := exec.CommandContext(ctx, program, "-I", directory, "-f", "-")
	var complaints bytes.Buffer
	command.Stdin, command.Stderr = strings.NewReader(h.Ruleset.Text), &complaints
	command.Dir, command.Env = directory, []string{"LC_ALL=C", "PATH=/nonexistent"}
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := h.ns.Do(func() error { return runLimited(command) })
	var failed *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return say.Errorf("load %s on %s: %w", h.Ruleset.File, h.Name, context.Cause(ctx))
	case !errors.As(err, &failed):
		return say.Errorf("load %s on %s: %w", h.Ruleset.File, h.Name, err)
	}
	return rejected(h, complaints.String())
}

// runLimited runs a program with little memory: a ruleset may include what never ends.
func runLimited(command *exec.Cmd) error {
	const most = 1 << 30 // bytes
	if err := command.Start(); err != nil {
		return err
	}
	limit := unix.Rlimit{Cur: most, Max: most}
	if err := unix.Prlimit(command.Process.Pid, unix.RLIMIT_AS, &limit, nil); err != nil {
		return errors.Join(err, command.Process.Kill(), command.Wait())
	}
	return command.Wait()
}

// complaint matches what nft(8) finds wrong, with its place.
var complaint = regexp.MustCompile(`^(.*):([0-9]+):([0-9]+)-[0-9]+: Error: (.*)$`)

// rejected returns the first thing that nft(8) found wrong in the ruleset of a host, as
// scenario.Problems if it has a place. What follows is mostly due to that.
func rejected(h *Host, complaints string) error {
	for line := range strings.Lines(complaints) {
		found := complaint.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if found == nil {
			continue
		}
		p := scenario.Problem{File: found[1], Text: say.F("nft: %s", say.As(found[4]))}
		p.Line, _ = strconv.Atoi(found[2])
		p.Column, _ = strconv.Atoi(found[3])
		if p.File == "/dev/stdin" {
			p.File = h.Ruleset.File
			if lines := strings.Split(h.Ruleset.Text, "\n"); p.Line >= 1 && p.Line <= len(lines) {
				p.Source = strings.TrimRight(lines[p.Line-1], "\r")
			}
		}
		return &scenario.Problems{File: h.Ruleset.File, List: []scenario.Problem{p}}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(complaints), "\n")
	return say.Errorf("load %s on %s: nft: %s", h.Ruleset.File, h.Name, say.As(say.Printable(first)))
}

// unmarked returns entries without what lablab's rules write into their marks: those of a host with a
// ruleset of its own mean something else.
func (h *Host) unmarked(entries ...flow.Entry) []flow.Entry {
	if h.own == nil {
		return entries
	}
	entries = slices.Clone(entries)
	for i := range entries {
		e := &entries[i]
		e.Mark, e.Released, e.Untracked, e.Blocked = 0, 0, false, false
	}
	return entries
}

// CheckRulesets loads the rulesets of a scenario in namespaces that are thrown away. It reports what
// nft(8) finds wrong, and predictions about rules that no host has, as scenario.Problems; and returns
// an *Unable if nft(8) is missing.
func CheckRulesets(ctx context.Context, sc *scenario.Scenario) error {
	byHost := map[string][]string{}
	for _, h := range sc.Hosts {
		if h.Ruleset == nil {
			continue
		}
		ids, err := tryRuleset(ctx, h)
		if err != nil {
			return err
		}
		byHost[h.Name] = append(ids, packet.NotFilteredID, packet.EstablishedID)
	}
	for range sc.Programs() {
		return nil // they may add rules
	}
	if len(byHost) == 0 {
		return nil
	}
	return checkRules(sc, byHost)
}

// tryRuleset loads the ruleset of a host, and returns the ids of its rules and policies. The namespace
// has the interfaces that hosts have, since rules may name them.
func tryRuleset(ctx context.Context, of scenario.Host) (ids []string, err error) {
	n, err := ns.New()
	if err != nil {
		return nil, unableTo(makeNamespace, err)
	}
	h := &Host{Host: of, ns: n}
	defer func() { err = errors.Join(err, h.close()) }()
	handle, err := rtnetlink(n)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	if err := handle.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth1"}); err != nil {
		return nil, unableTo(buildLab, err)
	}
	if err := adopt(ctx, h); err != nil {
		return nil, err
	}
	return h.own.IDs()
}

// checkRules reports predictions about rules that no host has, as scenario.Problems.
func checkRules(sc *scenario.Scenario, byHost map[string][]string) error {
	problems := &scenario.Problems{File: sc.File}
	all := groupRules(sc)
	for _, ids := range byHost {
		all = append(all, ids...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for _, x := range sc.Experiments {
		for _, e := range x.Expect {
			ids, owned := byHost[e.Host]
			if e.Stream != "" {
				ids, owned = all, true
			}
			for _, id := range []string{e.By, e.Hit, e.Never, e.AdmittedBy} {
				if id == "" || !owned || slices.Contains(ids, id) {
					continue
				}
				p := scenario.Problem{File: sc.File, Place: e.Place, Text: say.F("no host has a rule %s", id), Hint: scenario.DidYouMean(id, ids)}
				if e.Host != "" {
					p.Text = say.F("%s has no rule %s", say.F("host %s", e.Host), id)
				}
				problems.List = append(problems.List, p)
			}
		}
	}
	if len(problems.List) == 0 {
		return nil
	}
	return problems
}

// groupRules returns the ids of what may decide about packets at hosts with groups.
func groupRules(sc *scenario.Scenario) []string {
	ids := []string{packet.EstablishedID, packet.RelatedID, packet.DefaultDenyID, packet.SourceDestCheckID, packet.ACLDefaultDenyID}
	rules := func(g *sg.Group) {
		for _, r := range slices.Concat(g.Ingress, g.Egress) {
			ids = append(ids, r.ID)
		}
	}
	for _, g := range sc.Account.Groups {
		rules(g)
	}
	for _, x := range sc.Experiments {
		for _, a := range x.Do {
			change, _ := a.(scenario.Change)
			switch c := change.Change.(type) {
			case sg.Authorize:
				rules(&sg.Group{Ingress: c.Rules})
			case sg.SetACL:
				if c.ACL != nil {
					for _, r := range slices.Concat(c.ACL.Ingress, c.ACL.Egress) {
						ids = append(ids, r.ID())
					}
				}
			}
		}
	}
	return ids
}
