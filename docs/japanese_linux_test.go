package docs

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"lablab/internal/cli"
	"lablab/internal/nstest"
	"lablab/say"
)

// Japanese has no spaces at which help could be wrapped, so its messages contain the line breaks.
func TestJapaneseHelpFits(t *testing.T) {
	const columns = 100
	t.Parallel()
	lablab := nstest.Lablab(t)
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		args := slices.Concat(strings.Fields(c.CommandPath())[1:], []string{"--help", "--lang", "ja"})
		out, err := exec.Command(lablab, args...).Output()
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		for line := range strings.Lines(string(out)) {
			if example := strings.HasPrefix(line, "  lablab "); !example && say.Width(strings.TrimRight(line, "\n")) > columns {
				t.Errorf("%s: wider than %d columns: %s", c.CommandPath(), columns, line)
			}
		}
		for _, below := range c.Commands() {
			if !below.Hidden {
				each(below)
			}
		}
	}
	each(cli.Commands())
}
