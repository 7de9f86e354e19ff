package report

import (
	"slices"
	"strings"
	"testing"

	"lablab/internal/recordtest"
)

// Explanations follow the entry that carried the packets. Each of these once said something else.
func TestWhyFollowsTheEntry(t *testing.T) {
	for _, test := range []struct {
		record, stream string
		says           []string // in this order
		never          []string
	}{
		{
			"course-cut", "ssh",
			[]string{
				"changed nothing for packets 6–20:",
				"Packets 21–25 were INVALID: A's conntrack entry had been deleted in experiment 5,",
				`Packets 26–30 were ESTABLISHED, in another entry: A itself had created one when its outbound rule "out" allowed`,
				"The replies to packets 1–15, 21–30 were ESTABLISHED",
				"The replies to packets 16–20 were ESTABLISHED to B, but its network ACL (acl-default-deny since experiment 4) dropped them",
				"B's network ACL was removed in experiment 5.",
			},
			[]string{"changed nothing for packets 26–30", "Every reply"},
		},
		{
			"course-related", "query",
			[]string{
				"Packet 1 was NEW to A: conntrack had no entry",
				"Packets 2–10 were NEW as well: conntrack had seen no reply, so A's entry was UNREPLIED",
				"The ICMP errors about packets 1–5 were RELATED to B and dropped",
				`The ICMP errors about packets 6–10 were RELATED to B too, but by then rule "errors" allowed them: it had been authorized in experiment 2.`,
			},
			[]string{"Packets 1–10 were NEW"},
		},
		{
			"course-reference", "member",
			[]string{`So removing group "app" from app in experiment 2 changed nothing for packets 6–15: rule "from-app" no longer matched`},
			nil,
		},
		{
			"course-reference", "stranger",
			[]string{
				"Packets 1–5 were NEW to db and no rule matched: default deny",
				`Packet 6 was NEW too, but by then rule "from-app" allowed it: group "app" had been attached to guest in experiment 2.`,
			},
			nil,
		},
		{
			"course-reference", "former",
			[]string{`no rule matched any more (rule "from-app" is about group "app", which was removed from app in experiment 2)`},
			nil,
		},
		{
			"both-entries-cut", "session",
			[]string{
				`Packets 4–6 were INVALID: A's conntrack entry had been deleted in experiment 2, and conntrack does not pick up connections mid-stream. Rule "ssh" allowed them all the same.`,
				"The replies to packets 1–3 were ESTABLISHED",
				"The replies to packets 4–6 were INVALID to B and dropped by default-deny: B's conntrack entry had been deleted in experiment 2",
			},
			[]string{"Every reply"},
		},
		{
			"port-taken-again", "two",
			[]string{"to conntrack, this is the same flow until it sees the connection end", "Packet 1 was NEW: A's conntrack entry of stream one had ended with its connection"},
			[]string{"conntrack had no entry"},
		},
		{
			"port-taken-again", "three",
			[]string{`Packets 1–4 were NEW: A's conntrack entry of stream two had ended with its connection, and no rule matched any more (rule "web" was revoked in experiment 3)`},
			[]string{"conntrack had no entry"},
		},
		{"innocent-rules", "ssh", []string{"Packets 1–6 were NEW to A and no rule matched: default deny"}, []string{"any more", "high", "friends"}},
		{"innocent-rules", "ping", []string{"Packets 1–6 were NEW to A and no rule matched: default deny"}, []string{"any more", "far"}},
		{
			"never-answered", "query",
			[]string{
				`Packets 5–8 were NEW: conntrack had seen no reply, so A's entry was UNREPLIED, and no rule matched any more (rule "dns" was revoked in experiment 2)`,
				`so A's entry was UNREPLIED, and rule "dns-2" had to allow them.`,
			},
			[]string{"A does not remember"},
		},
		{
			"members-and-lists", "ping-2",
			[]string{
				`no rule matched any more (10.255.1.11/32 was removed from prefix list "office" in experiment 2)`,
				`by then rule "office" allowed it: 10.255.1.11/32 had been added to prefix list "office" in experiment 4.`,
			},
			nil,
		},
		{
			"members-and-lists", "ssh-3",
			[]string{
				`no rule matched any more (group "server" was removed from A in experiment 5)`,
				`by then rule "friends" allowed it: group "server" had been attached to A in experiment 6.`,
			},
			nil,
		},
		{
			"course-order", "queries",
			[]string{
				"because such flows are no longer tracked there",
				"The replies to packets 11–15 were ESTABLISHED",
			},
			[]string{"Every reply"},
		},
	} {
		t.Run(test.record+" "+test.stream, func(t *testing.T) {
			r := Of(recordtest.Read(t, test.record))
			i := slices.IndexFunc(r.Why, func(p Paragraph) bool { return p.Stream == test.stream })
			if i < 0 {
				t.Fatal("nothing is said about the stream")
			}
			var said []string
			for _, s := range r.Why[i].Sentences {
				said = append(said, s.String())
			}
			all := strings.Join(said, "\n")
			rest := all
			for _, want := range test.says {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("it does not say %q in\n%s", want, all)
				}
				rest = after
			}
			for _, wrong := range test.never {
				if strings.Contains(all, wrong) {
					t.Errorf("it says %q in\n%s", wrong, all)
				}
			}
		})
	}
}
