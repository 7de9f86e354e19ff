package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// README.ja.md is not a translation word for word. But it has the same sections, the same
// commands (so that each is executed, by the tests of README.md) and the same links.
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

// outline is what the README has in every language.
func outline(t *testing.T, name string) map[string][]string {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	o := map[string][]string{}
	fence := "" // that the line is in
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
					o["links"] = append(o["links"], strings.Replace(to, ".ja.", ".", 1)) // pictures are in the language, too
				}
			}
			o["code"] = append(o["code"], regexp.MustCompile("`[^`]+`").FindAllString(line, -1)...)
		}
	}
	for _, part := range []string{"links", "code"} { // where they stand in a sentence is another matter
		slices.Sort(o[part])
		o[part] = slices.Compact(o[part])
	}
	return o
}
