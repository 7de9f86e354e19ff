package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var example = regexp.MustCompile("(?s)```(?:nft|yaml)\n(.*?)```")

// What the page about rulesets shows is in the files that its commands run.
func TestRulesetsInTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/your-own-firewall.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/own/*")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	shown := example.FindAllStringSubmatch(string(page), -1)
	if len(shown) < 6 {
		t.Errorf("%d examples", len(shown))
	}
	for _, block := range shown {
		if text := strings.TrimPrefix(block[1], "hosts:\n"); !strings.Contains(all.String(), text) {
			t.Errorf("no file has\n%s", text)
		}
	}
}
