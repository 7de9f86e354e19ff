package cli

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Completion offers exactly the formats in a command's help.
func TestFormatsOfCommands(t *testing.T) {
	root := newRoot(Env{Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}, new(int))
	for _, c := range root.Commands() {
		flag := c.Flags().Lookup("format")
		if flag == nil {
			continue
		}
		usage := strings.FieldsFunc(strings.ReplaceAll(flag.Usage, ":", ","), func(r rune) bool { return r == ' ' || r == ',' })
		completed := wordsOf(c.Name())["format"]
		for _, format := range append(formats(), "jsonl") {
			if slices.Contains(usage, format) != slices.Contains(completed, format) {
				t.Errorf("%s --format: %q and %q", c.Name(), flag.Usage, completed)
			}
		}
	}
}
