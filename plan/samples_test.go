package plan

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/packet"
	"lablab/sg"
)

var update = flag.Bool("update", false, "write golden files anew")

// sample reads a plan in testdata.
func sample(t *testing.T, name string) *Plan {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Read(name+".plan.json", bytes.NewReader(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func names(t *testing.T, suffix string) (names []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*" + suffix)
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples (%v)", err)
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), suffix))
	}
	return names
}

// described writes a plan as the golden files have it.
func described(p *Plan) string {
	var b strings.Builder
	fmt.Fprintln(&b, strings.TrimSpace(string(p.Kind)+" "+p.Tool))
	run := p.Run()
	for i, c := range p.Calls {
		fmt.Fprintf(&b, "%d %s\n", c.Number, c.Name)
		fmt.Fprintf(&b, "    %s\n", c.Said())
		if c.Resource != "" {
			fmt.Fprintf(&b, "    for %s\n", c.Resource)
		}
		if len(c.After) > 0 {
			fmt.Fprintf(&b, "    after %v\n", c.After)
		}
		if run[i].Result != Done {
			fmt.Fprintf(&b, "    %s: %v\n", run[i].Result, run[i].Err)
		}
	}
	if pairs := p.Either(); len(pairs) > 0 {
		fmt.Fprintf(&b, "either may come first: %v\n", pairs)
	}
	for _, lost := range p.Lost(run) {
		fmt.Fprintf(&b, "lost: %s: %s %s in %s\n", lost.Resource, lost.Rule.Direction, lost.Rule.Rule, lost.Rule.Group)
	}
	for _, id := range p.Partial {
		fmt.Fprintf(&b, "partly known: %s\n", id)
	}
	for _, note := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	for _, r := range p.Resources {
		fmt.Fprintf(&b, "%s: %s: %s\n", r.Address, r.Use, r.Reason)
		for _, said := range r.Resolved {
			fmt.Fprintf(&b, "    %s\n", said)
		}
		for _, u := range r.Unresolved {
			fmt.Fprintf(&b, "    %s: %s %v\n", u.Attribute, u.Reason, u.Candidates)
		}
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: (-want +got):\n%s", file, diff)
	}
}

func TestSteps(t *testing.T) {
	for _, name := range names(t, ".plan.json") {
		t.Run(name, func(t *testing.T) { golden(t, name, described(sample(t, name))) })
	}
}

// Every resource that a plan or its prior state has is accounted for, once.
func TestEveryResourceIsAccountedFor(t *testing.T) {
	for _, name := range names(t, ".plan.json") {
		text, err := os.ReadFile(filepath.Join("testdata", name+".plan.json"))
		if err != nil {
			t.Fatal(err)
		}
		var raw struct {
			ResourceChanges []struct{ Address, Deposed string } `json:"resource_changes"`
			PriorState      any                                 `json:"prior_state"`
		}
		if err := json.Unmarshal(text, &raw); err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		for _, c := range raw.ResourceChanges {
			if c.Deposed != "" {
				c.Address += " (deposed " + c.Deposed + ")"
			}
			want[c.Address] = true
		}
		inState(raw.PriorState, want)
		for _, r := range sample(t, name).Resources {
			if !want[r.Address] {
				t.Errorf("%s: %s is listed, and should not be", name, r.Address)
			}
			if r.Use == "" || r.Reason.Empty() {
				t.Errorf("%s: nothing is said of %s", name, r.Address)
			}
			delete(want, r.Address)
		}
		for address := range want {
			t.Errorf("%s: %s is missing", name, address)
		}
	}
}

// inState collects the addresses of resources in a state.
func inState(value any, found map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		if address, is := value["address"].(string); is && value["type"] != nil {
			found[address] = true
		}
		for _, inner := range value {
			inState(inner, found)
		}
	case []any:
		for _, inner := range value {
			inState(inner, found)
		}
	}
}

// A logged is a call as the log of an apply has it.
type logged struct{ name, content, code string }

var (
	logLine = regexp.MustCompile(`^\S+ (\w+) +(.*) => (\w[\w.]*)`)
	logRule = regexp.MustCompile(`(\S+)/(in|out) (\S+) (-?\d+)-(-?\d+) (\S+) "[^"]*"`)
)

// log reads the log of an apply. Groups that it creates have the names in symbols, in order.
func log(t *testing.T, name string, symbols []string) (calls []logged) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".calls.log"))
	if err != nil {
		t.Fatal(err)
	}
	created := strings.NewReplacer()
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		m := logLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%s: %q", name, line)
		}
		c := logged{m[1], created.Replace(m[2]), m[3]}
		if c.name == "CreateSecurityGroup" {
			_, id, _ := strings.Cut(c.content, " -> ")
			created = strings.NewReplacer(id, symbols[0])
			c.content, symbols = symbols[0], symbols[1:]
		}
		calls = append(calls, c)
	}
	return calls
}

// content returns what a call changes, as the log writes it.
func (c Call) content() string {
	written := func(group string, d packet.Direction, rules []sg.Rule) string {
		var texts []string
		for _, r := range rules {
			way := "in"
			if d == packet.Egress {
				way = "out"
			}
			from, to := r.From, r.To
			if r.Protocol == packet.All {
				from, to = 0, 0
			}
			texts = append(texts, fmt.Sprintf("%s/%s %s %d-%d %s", group, way, strings.Replace(r.Protocol.String(), "all", "-1", 1), from, to, r.PeerText()))
		}
		slices.Sort(texts)
		return strings.Join(texts, " ")
	}
	switch o := c.operation.(type) {
	case createGroup:
		return o.id
	case deleteGroup:
		return o.id
	case authorize:
		return written(o.group, o.direction, o.rules)
	case revoke:
		return written(o.group, o.direction, o.rules)
	case modifyRules:
		return o.rules[0].ID + " -> " + written(o.group, packet.Ingress, o.rules)
	case attach:
		return fmt.Sprintf("%s Groups=%v", o.target, o.groups)
	case entries:
		return o.list
	}
	return fmt.Sprintf("%T", c.operation)
}

// normal returns the content of a logged call in the form of content.
func (c logged) normal() string {
	if list, _, found := strings.Cut(c.content, "["); found && strings.HasPrefix(c.content, "pl-") {
		return list
	}
	rules := logRule.FindAllStringSubmatch(strings.NewReplacer("[", " ", "]", " ").Replace(c.content), -1)
	if rules == nil {
		return c.content
	}
	var texts []string
	for _, r := range rules {
		texts = append(texts, fmt.Sprintf("%s/%s %s %s-%s %s", r[1], r[2], r[3], r[4], r[5], r[6]))
	}
	slices.Sort(texts)
	if id, _, found := strings.Cut(c.content, " -> "); found {
		return id + " -> " + texts[0]
	}
	return strings.Join(texts, " ")
}

// An apply made exactly the calls of the plan, in an order that the plan allows, with the results that
// the simulation predicts.
func TestLogsAreLinearExtensions(t *testing.T) {
	for _, name := range names(t, ".calls.log") {
		t.Run(name, func(t *testing.T) {
			p := sample(t, name)
			var symbols []string
			for _, c := range p.Calls {
				if c.Name == "CreateSecurityGroup" {
					symbols = append(symbols, c.Group())
				}
			}
			var order []int
			codes := map[int]string{}
			made := map[int]bool{}
			calls := log(t, name, symbols)
			for _, l := range calls {
				of := func(c Call) bool { return !made[c.Number] && c.Name == l.name && c.content() == l.normal() }
				i := slices.IndexFunc(p.Calls, of)
				if i < 0 {
					t.Fatalf("not in the plan: %s %s", l.name, l.normal())
				}
				if name == "prefix-list" {
					// The apply was recorded with a stand-in for the provider, which makes one call of what
					// the provider makes two of.
					order, made[1], i = append(order, 1), true, 1
				}
				n := p.Calls[i].Number
				order, codes[n], made[n] = append(order, n), l.code, true
			}
			for _, c := range p.Calls {
				if !made[c.Number] { // since another one failed
					order, codes[c.Number] = append(order, c.Number), "skipped"
				}
			}
			if !p.Possible(order) {
				t.Errorf("the apply made the calls in the order %v, which the plan excludes", order)
			}
			for _, o := range p.Run(order...) {
				got := map[Result]string{Done: "ok", Skipped: "skipped", Failed: code(o.Err)}[o.Result]
				if want, given := codes[o.Call]; given && got != want {
					t.Errorf("call %d: %s, want %s", o.Call, got, want)
				}
			}
		})
	}
}

// After all calls the account is what the plan promises, as its planned_values have it.
func TestTheAccountBecomesWhatIsPlanned(t *testing.T) {
	for _, name := range names(t, ".calls.log") {
		t.Run(name, func(t *testing.T) {
			p := sample(t, name)
			run := p.Run()
			if slices.ContainsFunc(run, func(o Outcome) bool { return o.Result != Done }) {
				if !slices.Contains([]string{"count-vpc", "legacy-cbd-overlap"}, name) {
					t.Fatal("a call fails")
				}
				return
			}
			if diff := cmp.Diff(planned(t, name), have(run[len(run)-1].Account)); diff != "" {
				t.Errorf("(-planned +account):\n%s", diff)
			}
			if lost := p.Lost(run); len(lost) > 0 {
				t.Errorf("lost: %v", lost)
			}
		})
	}
}

// have returns the rules, attachments and entries of an account, sorted.
func have(a *sg.Account) (lines []string) {
	for _, g := range a.Groups {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, r := range g.Rules(d) {
				lines = append(lines, fmt.Sprintf("%s %s %s", g.ID, d, r))
			}
		}
	}
	for _, i := range a.Interfaces {
		lines = append(lines, fmt.Sprintf("%s %v", i.ID, i.Groups))
	}
	for _, l := range a.PrefixLists {
		for _, e := range l.Entries {
			lines = append(lines, fmt.Sprintf("%s %s", l.ID, e))
		}
	}
	slices.Sort(lines)
	return lines
}

// planned reads planned_values by itself, as an oracle. A group has the rules of its rule resources,
// and those written in it if its configuration has any. A value that is not known yet is what the
// configuration refers to.
func planned(t *testing.T, name string) []string {
	t.Helper()
	type resource struct {
		Address, Type string
		Values        map[string]any
		Expressions   map[string]struct{ References []string }
	}
	var plan struct {
		Planned struct {
			Root struct{ Resources []resource } `json:"root_module"`
		} `json:"planned_values"`
		Configuration struct {
			Root struct{ Resources []resource } `json:"root_module"`
		}
	}
	text, err := os.ReadFile(filepath.Join("testdata", name+".plan.json"))
	if err == nil {
		err = json.Unmarshal(text, &plan)
	}
	if err != nil {
		t.Fatal(err)
	}
	expressions := map[string]map[string]struct{ References []string }{}
	for _, r := range plan.Configuration.Root.Resources {
		expressions[r.Address] = r.Expressions
	}
	ids := map[string]string{}
	for _, r := range plan.Planned.Root.Resources {
		ids[r.Address] = r.Address
		if id, known := r.Values["id"].(string); known {
			ids[r.Address] = id
		}
	}
	var lines []string
	for _, r := range plan.Planned.Root.Resources {
		config, _, _ := strings.Cut(r.Address, "[")
		value := func(name string) string {
			switch v := r.Values[name].(type) {
			case string:
				return v
			case []any:
				texts := []string{}
				for _, one := range v {
					texts = append(texts, fmt.Sprint(one))
				}
				return strings.Join(texts, " ")
			}
			if of := expressions[config][name].References; len(of) > 0 && r.Values[name] == nil {
				return ids[of[len(of)-1]]
			}
			return ""
		}
		rule := func(group, direction, protocol string, values map[string]any, peers string) {
			what := map[string]string{"-1": "all"}[protocol]
			if what == "" {
				what = fmt.Sprintf("%s %v", protocol, values["from_port"])
			}
			for _, peer := range strings.Fields(peers) {
				lines = append(lines, fmt.Sprintf("%s %s %s %s", group, direction, what, peer))
			}
		}
		switch r.Type {
		case "aws_security_group":
			for _, direction := range []string{"ingress", "egress"} {
				if _, written := expressions[config][direction]; !written && !strings.Contains(name, "inline") {
					continue
				}
				blocks, _ := r.Values[direction].([]any)
				for _, b := range blocks {
					block := b.(map[string]any)
					peers := strings.Trim(fmt.Sprint(block["cidr_blocks"]), "[]")
					rule(ids[r.Address], direction, fmt.Sprint(block["protocol"]), block, peers)
				}
			}
		case "aws_security_group_rule":
			rule(value("security_group_id"), value("type"), value("protocol"), r.Values, value("cidr_blocks"))
		case "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule":
			direction := strings.Split(r.Type, "_")[4]
			peers := []string{value("cidr_ipv4"), value("prefix_list_id"), value("referenced_security_group_id")}
			rule(value("security_group_id"), direction, value("ip_protocol"), r.Values, strings.Join(peers, " "))
		case "aws_instance":
			lines = append(lines, fmt.Sprintf("%s [%s]", r.Values["id"], value("vpc_security_group_ids")))
		case "aws_network_interface":
			lines = append(lines, fmt.Sprintf("%s [%s]", r.Values["id"], value("security_groups")))
		case "aws_ec2_managed_prefix_list":
			for _, e := range r.Values["entry"].([]any) {
				lines = append(lines, fmt.Sprintf("%s %s", r.Values["id"], e.(map[string]any)["cidr"]))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// In whatever order the tool makes the calls, if none of them fails the account becomes what is
// planned.
func TestEveryOrderEndsTheSame(t *testing.T) {
	for _, name := range names(t, ".calls.log") {
		t.Run(name, func(t *testing.T) {
			p := sample(t, name)
			want := planned(t, name)
			random := rand.New(rand.NewPCG(1, 2))
			seen := map[string]bool{}
			for range 100 {
				order := p.anyOrder(random)
				if !p.Possible(order) {
					t.Fatalf("order %v", order)
				}
				seen[fmt.Sprint(order)] = true
				run := p.Run(order...)
				if slices.ContainsFunc(run, func(o Outcome) bool { return o.Result != Done }) {
					continue
				}
				if diff := cmp.Diff(want, have(run[len(run)-1].Account)); diff != "" {
					t.Fatalf("in the order %v (-planned +account):\n%s", order, diff)
				}
			}
			if len(p.Either()) > 0 && len(seen) < 2 {
				t.Error("only one order was tried")
			}
		})
	}
}

// anyOrder returns a random order that the plan allows.
func (p *Plan) anyOrder(random *rand.Rand) (order []int) {
	made := map[int]bool{}
	for len(order) < len(p.Calls) {
		var ready []int
		for _, c := range p.Calls {
			if !made[c.Number] && !slices.ContainsFunc(c.After, func(a int) bool { return !made[a] }) {
				ready = append(ready, c.Number)
			}
		}
		n := ready[random.IntN(len(ready))]
		order, made[n] = append(order, n), true
	}
	return order
}

// A plan with 500 resources that change.
func BenchmarkRead(b *testing.B) {
	text := large(b, 500)
	b.ReportAllocs()
	for b.Loop() {
		p, err := Read("large", bytes.NewReader(text), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if run := p.Run(); len(run) != 1000 {
			b.Fatalf("%d calls", len(run))
		}
		p.Either()
	}
}

// large makes a plan that replaces n rules of ten groups.
func large(t testing.TB, n int) []byte {
	t.Helper()
	type object = map[string]any
	changes, configured := []object{}, []object{}
	add := func(kind, name string, change object, expressions object) {
		address := kind + "." + name
		changes = append(changes, object{"address": address, "mode": "managed", "type": kind, "name": name, "change": change})
		configured = append(configured, object{"address": address, "mode": "managed", "type": kind, "name": name, "expressions": expressions})
	}
	for i := range 10 {
		group := object{"id": fmt.Sprintf("sg-%d", i), "name": fmt.Sprint(i), "ingress": []any{}, "egress": []any{}}
		add("aws_security_group", fmt.Sprintf("g%d", i), object{"actions": []string{"no-op"}, "before": group, "after": group}, object{})
	}
	for i := range n {
		rule := func(port int) object {
			return object{
				"type": "ingress", "security_group_id": fmt.Sprintf("sg-%d", i%10), "protocol": "tcp", "from_port": port, "to_port": port,
				"cidr_blocks": []string{fmt.Sprintf("10.%d.%d.0/24", i/250, i%250)},
			}
		}
		group := fmt.Sprintf("aws_security_group.g%d", i%10)
		add("aws_security_group_rule", fmt.Sprintf("r%d", i), object{"actions": []string{"delete", "create"}, "before": rule(443), "after": rule(444)},
			object{"security_group_id": object{"references": []string{group + ".id", group}}})
	}
	text, err := json.Marshal(object{"format_version": "1.2", "resource_changes": changes, "configuration": object{"root_module": object{"resources": configured}}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
