package render

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"lablab/sg"
)

// Columns that do not fit side by side follow below, and no line is wider than the screen.
func TestExposureFitsTheScreen(t *testing.T) {
	e := sg.Exposure{Groups: []sg.ExposedGroup{{Group: "sg-0123456789abcdef0", Name: "a group with a long name"}, {Group: "sg-1"}}}
	for i, opening := range []sg.Opening{sg.ToWorld, sg.ToRange, sg.ToGroup, sg.ToUnknown, sg.Closed, sg.ToWorld} {
		c := sg.PortColumn{Protocol: "tcp", Ports: [][2]int{{i * 10, i*10 + 5}}}
		if i == 5 {
			c.Ports = append(c.Ports, [2]int{1000, 2000}, [2]int{3000, 65535})
		}
		e.Columns = append(e.Columns, c)
		e.Groups[0].Openings, e.Groups[1].Openings = append(e.Groups[0].Openings, opening), append(e.Groups[1].Openings, sg.Closed)
	}
	var b strings.Builder
	if err := NewText(&b, 60, nil).Exposure(e); err != nil {
		t.Fatal(err)
	}
	want := `
                                  tcp  tcp    tcp    tcp
                                  0-5  10-15  20-25  30-35
  sg-0123456789abcdef0 a group …  ●    ◐      ○      ?
  sg-1                            ·    ·      ·      ·

                                  tcp    tcp
                                  40-45  (1)
  sg-0123456789abcdef0 a group …  ·      ●
  sg-1                            ·      ·

  (1) tcp: 50-55, 1000-2000, 3000-65535
  ● open to the world  ◐ to a range  ○ to a group  ? unknown  · closed
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), ansi.Strip(b.String())); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}
