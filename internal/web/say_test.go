package web

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

var (
	said      = regexp.MustCompile(`\bsay\(('(?:[^'\\]|\\.)*')?`)
	entryLine = regexp.MustCompile(`(?m)^  ('(?:[^'\\]|\\.)*'): '((?:[^'\\]|\\.)*)',$`)
	places    = regexp.MustCompile(`\{\d\}`)
)

// Every sentence of the page has a Japanese message with all its placeholders, and no message is
// obsolete.
func TestEverythingIsSaidInJapanese(t *testing.T) {
	used := map[string]string{}
	names, err := fs.Glob(files, "page/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "//") || strings.Contains(line, "function say(") {
				continue
			}
			for _, m := range said.FindAllStringSubmatch(line, -1) {
				if m[1] == "" {
					t.Errorf("%s says what is no literal: %s", name, strings.TrimSpace(line))
				}
				used[m[1]] = name
			}
		}
	}
	text, err := files.ReadFile("page/ja.js")
	if err != nil {
		t.Fatal(err)
	}
	japanese := map[string]string{}
	for _, m := range entryLine.FindAllStringSubmatch(string(text), -1) {
		if _, twice := japanese[m[1]]; twice {
			t.Errorf("%s is there twice", m[1])
		}
		japanese[m[1]] = m[2]
	}
	if entries := strings.Count(string(text), "': '"); entries != len(japanese) {
		t.Errorf("%d of %d entries can be read: one a line", len(japanese), entries)
	}
	for english, name := range used {
		if japanese[english] == "" {
			t.Errorf("%s says %s: there is no Japanese of it", name, english)
		}
	}
	for english, text := range japanese {
		if used[english] == "" {
			t.Errorf("nobody says %s", english)
		}
		for _, place := range places.FindAllString(english, -1) {
			if !strings.Contains(text, place) {
				t.Errorf("%s: %s is not in %q", english, place, text)
			}
		}
	}
}
