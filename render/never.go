package render

import (
	"bytes"
	"cmp"

	"lablab/say"
	"lablab/sg"
)

// A Statement is the answer to a statement about all packets.
type Statement struct {
	Statement string `json:"statement"`
	// Verdict is holds, broken, or unknown if a rule was left out that might allow such a packet.
	Verdict         string           `json:"verdict"`
	CounterExamples []CounterExample `json:"counter_examples,omitempty"`
	Doubts          []sg.Finding     `json:"doubts,omitempty"`
}

// A CounterExample is a packet that a group allows although a statement says that none is allowed.
type CounterExample struct {
	Group  string     `json:"group"`
	Name   string     `json:"name,omitempty"`
	Packet SentPacket `json:"packet"`
	// Rules are all rules of the group that allow such a packet.
	Rules []string `json:"rules"`
	// Interfaces are the network interfaces that were read and have the group.
	Interfaces []string `json:"interfaces,omitempty"`
	// Verdict is the kernel's: accept, drop, or empty if it was not asked. Rule is what it names.
	Verdict string `json:"verdict,omitempty"`
	Rule    string `json:"rule,omitempty"`
}

// A SentPacket is a packet as `lablab probe --batch` takes it.
type SentPacket struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Protocol string `json:"protocol"`
	Port     *int   `json:"port,omitempty"`
	Type     *int   `json:"type,omitempty"`
	Code     *int   `json:"code,omitempty"`
	Egress   bool   `json:"egress,omitempty"`
	Text     string `json:"-"`
}

// Statements writes the answers to statements about all packets, for people. A reason says why the
// kernel could not be asked.
func (t *Text) Statements(list []Statement, reason say.Sentence) error {
	var b bytes.Buffer
	counts := map[string]int{}
	predicted := false
	for _, s := range list {
		counts[s.Verdict]++
		sign := map[string]string{"holds": styled(green, "✓"), "broken": styled(red, "✗"), "unknown": styled(yellow, "?")}[s.Verdict]
		t.paragraph(&b, sign+" ", plain, say.F("never %s", s.Statement))
		const most = 20 // groups that are shown
		for _, c := range s.CounterExamples[:min(most, len(s.CounterExamples))] {
			t.counterExample(&b, c)
			predicted = predicted || c.Verdict == ""
		}
		if more := len(s.CounterExamples) - most; more > 0 {
			t.paragraph(&b, "    ", plain, say.N(more, "and %d more group", "and %d more groups"))
		}
		for _, d := range s.Doubts {
			t.paragraph(&b, "    ", yellow, d.Said())
		}
	}
	b.WriteByte('\n')
	t.paragraph(&b, "", bold, say.F("%s: %s, %d broken, %d unknown.", say.N(len(list), "%d statement", "%d statements"),
		say.N(counts["holds"], "%d holds", "%d hold"), counts["broken"], counts["unknown"]))
	if predicted && !reason.Empty() {
		t.paragraph(&b, "", yellow, say.F("Counter-examples are only predicted, since the kernel could not be tested: %s", reason))
	}
	return t.flush(&b)
}

func (t *Text) counterExample(b *bytes.Buffer, c CounterExample) {
	group := say.As(c.Group)
	if c.Name != "" {
		group = say.F("%s (%s)", c.Group, c.Name)
	}
	by := cmp.Or(c.Rule, c.Rules[0])
	switch c.Verdict {
	case "accept":
		t.paragraph(b, "    ", plain, say.F("group %s: the kernel accepted %s by rule %s", group, c.Packet.Text, by))
	case "drop":
		t.paragraph(b, "    ", red, say.F("group %s: rule %s allows %s, but the kernel DISAGREES: please report this", group, c.Rules[0], c.Packet.Text))
	default:
		t.paragraph(b, "    ", plain, say.F("group %s: rule %s allows %s", group, by, c.Packet.Text))
	}
	if len(c.Rules) > 1 {
		t.paragraph(b, "      ", dim, say.F("rules that allow such packets: %s", say.Names(", ", c.Rules...)))
	}
	if len(c.Interfaces) > 0 {
		t.paragraph(b, "      ", dim, say.F("attached to: %s", say.Names(", ", c.Interfaces...)))
	}
}
