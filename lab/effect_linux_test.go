package lab

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"lablab/enforce"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// The effect that a change reports is what the kernel did to an open session.
func TestEffect(t *testing.T) {
	narrow, open := allow("ssh", packet.TCP, 22, "10.255.1.10/32"), allow("ssh", packet.TCP, 22, "0.0.0.0/0")
	listed := sg.Rule{ID: "ssh", Protocol: packet.TCP, From: 22, To: 22, PrefixList: "office"}
	members := sg.Rule{ID: "ssh", Protocol: packet.TCP, From: 22, To: 22, Reference: sg.Reference{GroupID: "client"}}
	client, elsewhere := []netip.Prefix{netip.MustParsePrefix("10.255.1.10/32")}, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for _, test := range []struct {
		name      string
		rule      sg.Rule
		model     string
		loose     bool
		before    sg.Changes
		change    sg.Change
		outlived  int
		converted int
		untracked Fate
		lives     bool
		deleted   int
		models    []string
	}{
		{name: "a narrow rule is revoked", rule: narrow, change: revoke("server", "ssh"), outlived: 1, lives: true},
		{name: "an open rule is revoked", rule: open, change: revoke("server", "ssh"), untracked: Dropped},
		{name: "the model deletes the entry", model: "cut", rule: narrow, change: revoke("server", "ssh"), deleted: 1},
		{name: "the model deletes the entry of a flow that stays allowed", model: "cut-all", rule: narrow,
			change: authorize("server", packet.Ingress, allow("web", packet.TCP, 80, "10.0.0.0/8")), deleted: 1, lives: true},
		{name: "the model deletes no entry", model: "cut", rule: narrow,
			change: authorize("server", packet.Ingress, allow("web", packet.TCP, 80, "10.0.0.0/8")), lives: true},
		{name: "a product's model checks the flow again", model: "windows", rule: narrow, change: revoke("server", "ssh"), models: []string{"windows"}},
		{name: "the model sweeps later", model: "sweep", rule: narrow, change: revoke("server", "ssh"), models: []string{"sweep"}, lives: true},
		{name: "the model checks each packet", model: "request", rule: narrow, change: revoke("server", "ssh"), models: []string{"request"}},
		{name: "the model keeps the entry", model: "keep", rule: open, change: revoke("server", "ssh"), outlived: 1, lives: true},
		{name: "other groups", rule: narrow, change: attach("A", "empty"), outlived: 1, lives: true},
		{name: "an open rule, and other groups", rule: open, change: attach("A"), untracked: Dropped},
		{name: "the flow is not tracked any more", rule: narrow, change: attach("A", "open"), converted: 1, lives: true},
		{name: "a rule is added", rule: narrow, change: authorize("server", packet.Ingress, allow("web", packet.TCP, 80, "10.0.0.0/8")), lives: true},
		{name: "another rule may allow it", rule: open, before: sg.Changes{authorize("server", packet.Ingress, allow("narrow", packet.TCP, 22, "10.255.1.10/32"))},
			change: revoke("server", "ssh"), untracked: Checked, lives: true},
		{name: "conntrack takes up connections in the middle", rule: open, loose: true, change: revoke("server", "ssh"), untracked: Dropped},
		{name: "the client is removed from a prefix list", rule: listed, change: sg.ModifyPrefixList{PrefixList: "office", Remove: client}, outlived: 1, lives: true},
		{name: "something else is added to it", rule: listed, change: sg.ModifyPrefixList{PrefixList: "office", Add: elsewhere}, lives: true},
		{name: "the rule goes after the client", rule: listed, before: sg.Changes{sg.ModifyPrefixList{PrefixList: "office", Remove: client}}, change: revoke("server", "ssh"), outlived: 1, lives: true},
		{name: "something else goes after the client", rule: listed, before: sg.Changes{sg.ModifyPrefixList{PrefixList: "office", Remove: client, Add: elsewhere}},
			change: sg.ModifyPrefixList{PrefixList: "office", Remove: elsewhere}, lives: true},
		{name: "the client leaves the group that the rule refers to", rule: members, change: attach("B", "empty"), outlived: 2, lives: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sc := serverAndClient(test.rule)
			sc.Loose = test.loose
			if test.model != "" {
				m, err := enforce.Parse(test.model)
				must(t, err)
				for i := range sc.Hosts {
					sc.Hosts[i].Model, sc.Hosts[i].Product = m.Model, m.Product
				}
			}
			sc.Account.PrefixLists = []sg.PrefixList{{ID: "office", Known: true, Entries: client}}
			l, _ := build(t, sc)
			serve(t, l)
			s, err := connectTo(t, l, soon)
			must(t, err)
			if !s.lives(soon) {
				t.Fatal("the session does not live to begin with")
			}
			apply(t, l, test.before...)
			done, err := l.Apply(t.Context(), test.change)
			must(t, err)
			outlived, err := l.Outlived(done)
			must(t, err)
			if outlived != test.outlived || done.Converted != test.converted || done.Untracked != test.untracked {
				t.Errorf("%d outlive it, %d converted, untracked %q, want %d, %d, %q", outlived, done.Converted, done.Untracked, test.outlived, test.converted, test.untracked)
			}
			var models []string
			for _, m := range done.Rechecking {
				models = append(models, m.String())
			}
			if done.Deleted != test.deleted || !slices.Equal(models, test.models) {
				t.Errorf("%d deleted, rechecked under %q, want %d, %q", done.Deleted, models, test.deleted, test.models)
			}
			patience := soon
			if !test.lives {
				patience = aWhile
			}
			if s.lives(patience) != test.lives {
				t.Errorf("it lives: %v, want %v", !test.lives, test.lives)
			}
		})
	}
}

// A packet may come right after the rules have changed, and have its entry marked by them. The flow
// counts once, with the change that did it.
func TestConvertedByAPacket(t *testing.T) {
	t.Parallel()
	l, log := build(t, serverAndClient(allow("ssh", packet.TCP, 22, "10.255.1.10/32")))
	serve(t, l)
	s, err := connectTo(t, l, soon)
	must(t, err)
	if !s.lives(soon) {
		t.Fatal("the session does not live to begin with")
	}
	from := l.policy
	to, _, err := from.Apply(attach("A", "open"))
	must(t, err)
	a := l.hosts[0]
	for _, want := range []int{1, 0} { // the second time, it was untracked before
		c, err := l.conversionOf(a, from, to)
		must(t, err)
		must(t, l.enforce(to))
		if !s.lives(soon) {
			t.Error("the session does not live on")
		}
		if n, err := l.untrack(a, c); err != nil || n != want {
			t.Errorf("%d converted, %v, want %d", n, err, want)
		}
	}
	cuts := 0
	for _, e := range log.Events() {
		if c, is := e.Body.(timeline.Cut); is && c.Why == timeline.CutUntracked {
			cuts++
		}
	}
	if cuts != 1 {
		t.Errorf("%d flows are recorded as converted", cuts)
	}
}

// An ACL checks every packet, so the number of flows that it ends is known.
func TestDenied(t *testing.T) {
	l, _ := build(t, serverAndClient(allow("ssh", packet.TCP, 22, "10.255.1.10/32")))
	serve(t, l)
	s, err := connectTo(t, l, soon)
	must(t, err)
	if !s.lives(soon) {
		t.Fatal("the session does not live to begin with")
	}
	all := []sg.ACLRule{{Number: 100, Allow: true, Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}
	ssh := []sg.ACLRule{{Number: 100, Allow: true, Protocol: packet.TCP, From: 22, To: 22, Peer: netip.MustParsePrefix("10.0.0.0/8")}}
	for _, test := range []struct {
		name string
		acl  sg.ACL
		want int
	}{
		{"all is allowed", sg.ACL{Ingress: all, Egress: all}, 0},
		{"requests are allowed, and all replies", sg.ACL{Ingress: ssh, Egress: all}, 0},
		{"replies go to other ports", sg.ACL{Ingress: ssh, Egress: ssh}, 1},
		{"nothing is allowed", sg.ACL{}, 1},
	} {
		done, err := l.Apply(t.Context(), sg.SetACL{Interface: "A", ACL: &test.acl})
		must(t, err)
		got, err := l.Denied(done)
		if err != nil || got != test.want {
			t.Errorf("%s: %d flows denied, %v, want %d", test.name, got, err, test.want)
		}
	}
}

// The rules of a group that no host had are recorded with the first host that gets it, as existing;
// one that is authorized at once after that is not, nor one that comes in the same change.
func TestRulesOfAGroupThatNoHostHad(t *testing.T) {
	t.Parallel()
	sc := serverAndClient(allow("ssh", packet.TCP, 22, "0.0.0.0/0"))
	for _, id := range []string{"spare", "other"} {
		sc.Account.Groups = append(sc.Account.Groups, &sg.Group{ID: id, Ingress: []sg.Rule{allow("old", packet.UDP, 53, "10.0.0.0/8")}})
	}
	l, log := build(t, sc)
	authorize := func(group string) sg.Change {
		return sg.Authorize{Group: group, Direction: packet.Ingress, Rules: []sg.Rule{allow("new", packet.UDP, 54, "10.0.0.0/8")}}
	}
	for _, changes := range [][]sg.Change{{sg.Attach{Interface: "A", Groups: []string{"server", "spare"}}}, {authorize("spare")}, {authorize("other"), sg.Attach{Interface: "A", Groups: []string{"server", "other"}}}} {
		if _, err := l.Apply(t.Context(), changes...); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]bool{}
	for _, e := range log.Events() {
		if r, is := e.Body.(timeline.RuleAuthorized); is {
			got[r.Group+" "+r.ID] = r.Existing
		}
	}
	want := map[string]bool{"server ssh": false, "server out": false, "client out": false, "spare old": true, "spare new": false, "other old": true, "other new": false}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
