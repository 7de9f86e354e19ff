package web

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// matching are the ways in which JavaScript takes a text apart or recognizes one.
var matching = regexp.MustCompile(`(?:^|[^\w)\]])/[^/*\s][^/]*/[gimsuy]*[.,;) ]|RegExp|\.(?:match|matchAll|search|replace|replaceAll|split|startsWith|endsWith|test|exec)\(`)

// compared is a text for people that is compared with another.
var compared = regexp.MustCompile(`\.(?:text|words|sentences?|subject|title|conclusion|failure|admitter|statistics|tone)\b *[!=]==? |[!=]==? *['"][^'"]*\w \w[^'"]*['"]`)

// verdictWords are the words of conntrack's states in sentences.
var verdictWords = regexp.MustCompile(`\b(?:NEW|ESTABLISHED|RELATED|INVALID|UNTRACKED|UNREPLIED)\b`)

// takenApart lists the modules that may match texts, which, and how often. None of these texts is a
// sentence.
var takenApart = map[string]struct {
	times int
	what  string
}{
	"page/dom.js":         {3, "invisible characters in names, and attributes called on…"},
	"page/say.js":         {3, "the page's own placeholders, and spaces between Japanese words"},
	"page/buttons.js":     {2, "keys that are pressed"},
	"page/caption.js":     {1, "how many words a line has, for the time to read it"},
	"page/panel_rules.js": {9, "what the user types into a form"},
	"page/follow.js":      {1, "lines of JSON"},
	"page/gate.js":        {3, "an address with a prefix length, and the page's own keys"},
	"page/model.js":       {1, "an address with a prefix length"},
}

// The page shows the sentences that it is given. It neither recognizes one, nor takes one apart, nor
// says itself what happened to a packet.
func TestPageReadsNoSentences(t *testing.T) {
	names, err := fs.Glob(files, "page/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		times := 0
		for i, line := range strings.Split(string(text), "\n") {
			code, _, _ := strings.Cut(" "+line, " // ")
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			if name != "page/ja.js" {
				times += len(matching.FindAllString(code, -1))
				if found := compared.FindString(code); found != "" {
					t.Errorf("%s:%d: a text for people is compared: %s", name, i+1, found)
				}
			}
			if found := verdictWords.FindString(code); found != "" {
				t.Errorf("%s:%d: says what a verdict means: %s", name, i+1, found)
			}
		}
		if want := takenApart[name].times; times != want {
			t.Errorf("%s matches texts %d times, want %d (%s)", name, times, want, takenApart[name].what)
		}
	}
}

// The test finds what was there once.
func TestSentencesThatWereRead(t *testing.T) {
	for _, code := range []string{
		"  const m = /^(\\w+) (\\S+) > (\\S+)$/.exec(text);", "  const [what, peer] = rule.text.split(' ');", "  if (name.startsWith('ICMP')) return;",
	} {
		if !matching.MatchString(code) {
			t.Errorf("not found: %s", code)
		}
	}
	for _, code := range []string{"if (v.words === x) {", "if (s.text !== y) {", "if (x === 'deny everything else') {"} {
		if !compared.MatchString(code) {
			t.Errorf("not found: %s", code)
		}
	}
}
