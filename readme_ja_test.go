package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// README.ja.md is not a literal translation. But it has the same sections, the same commands (so
// the tests of README.md execute each of them) and the same links.
func TestReadmesAgree(t *testing.T) {
	english, japanese := outline(t, "README.md"), outline(t, "README.ja.md")
	for _, part := range []string{"sections", "commands", "links", "code"} {
		if len(english[part]) == 0 {
			t.Errorf("README.md has no %s: it or this test has changed", part)
		}
		if diff := cmp.Diff(english[part], japanese[part]); diff != "" {
			t.Errorf("%s of README.md (-) and README.ja.md (+):\n%s", part, diff)
		}
	}
}

// outline returns what the README has in common in every language.
func outline(t *testing.T, name string) map[string][]string {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	o := map[string][]string{}
	fence := "" // the fence that the line is in
	for _, line := range strings.Split(string(file), "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			if fence = strings.TrimPrefix(line, "```"); fence != "" {
				o["sections"] = append(o["sections"], fence)
			}
		case fence != "":
			if command, found := strings.CutPrefix(line, "$ "); found {
				command, _, _ = strings.Cut(command, "  # ")
				o["commands"] = append(o["commands"], fence+": "+strings.TrimSpace(command))
			}
		case strings.HasPrefix(line, "#"):
			level, _, _ := strings.Cut(line, " ")
			o["sections"] = append(o["sections"], level)
		}
		if fence == "" {
			for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(line, -1) {
				if to := link[1]; !strings.HasPrefix(to, "#") && !strings.HasPrefix(to, "README") {
					o["links"] = append(o["links"], strings.Replace(to, ".ja.", ".", 1)) // pictures are translated, too
				}
			}
			o["code"] = append(o["code"], regexp.MustCompile("`[^`]+`").FindAllString(line, -1)...)
		}
	}
	for _, part := range []string{"links", "code"} { // their order in a sentence may differ
		slices.Sort(o[part])
		o[part] = slices.Compact(o[part])
	}
	return o
}
