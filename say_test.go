package main

import (
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"testing"

	"lablab/internal/cli"
	"lablab/say"
)

// Everything that lablab tells people has a Japanese message, and no message is unused.
func TestEverythingIsSaidInJapanese(t *testing.T) {
	l := listen(t)
	for _, w := range l.wrong {
		t.Error(w)
	}
	commands := cli.Commands()
	commands.InitDefaultHelpCmd()
	commands.InitDefaultCompletionCmd("completion")
	all := slices.Concat(l.messages, l.typed(), helpMessages(commands), courseMessages())
	messages, err := say.Messages("ja")
	if err != nil {
		t.Fatal(err)
	}
	japanese, used := map[string]string{}, map[string]bool{}
	for _, m := range messages {
		if there, twice := japanese[m.English]; twice && there != m.Text {
			t.Errorf("%q is said twice: %q and %q", m.English, there, m.Text)
		}
		japanese[m.English] = m.Text
	}
	missing := 0
	for _, m := range all {
		text, said := japanese[m.english]
		used[m.english] = true
		switch {
		case said:
			if wrong := m.fits(text); wrong != "" {
				t.Errorf("%s: %q: %q: %s", m.where, m.english, text, wrong)
			}
		case worded(m.english):
			missing++
			t.Errorf("%s: not in Japanese: %q", m.where, m.english)
		}
	}
	for _, m := range messages {
		if !used[m.English] {
			t.Errorf("nobody says %q", m.English)
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d are missing: add them to say/ja/*.po", missing, len(all))
	}
}

// english lists the files that contain English sentences on purpose, and why.
var english = map[string]string{
	"internal/cli/change.go":   "EC2's words",
	"internal/web/web.go":      "a header of HTTP",
	"ns/join_linux.go":         "resolv.conf",
	"nft/plan.go":              "nft's language",
	"nft/ruleset/conntrack.go": "nft's language",
	"nft/ruleset/header.go":    "nft's language",
	"nft/ruleset/ruleset.go":   "nft's language",
	"nft/ruleset/statement.go": "nft's language",
	"plan/state.go":            "EC2's words",
	"render/ping.go":           "ping's words",
	"render/tap.go":            "TAP's words",
	"scenario/builtin.go":      "a panic: the tests read all of them",
	"scenario/group.go":        "the title of a scenario, which the record has in English",
	"sg/apply.go":              "EC2's words",
	"sg/change.go":             "EC2's words",
	"sg/rule.go":               "a rule as the AWS console has it",
}

// All output for people goes through say.
func TestNobodySpeaksEnglishOnly(t *testing.T) {
	l := listen(t)
	sentence := regexp.MustCompile(`[A-Za-z]{2,},? [a-z]{2,}`)
	silent := maps.Clone(english)
	for _, tree := range l.trees {
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Sprintf", "Errorf", "Fprintf", "Fprintln", "Fprint", "Appendf", "New", "WriteString"}, f.Sel.Name) {
				return true
			}
			of, _ := f.X.(*ast.Ident)
			if f.Sel.Name != "WriteString" && (of == nil || of.Name != "fmt" && of.Name != "errors") {
				return true
			}
			for _, arg := range call.Args {
				text, ok := l.text(arg)
				if !ok || !sentence.MatchString(verb.ReplaceAllString(text, "")) {
					continue
				}
				at := l.files.Position(arg.Pos())
				if _, meant := english[at.Filename]; !meant {
					t.Errorf("%s: %q is in English only: use package say", at, text)
				}
				delete(silent, at.Filename)
			}
			return true
		})
	}
	for file := range silent {
		t.Errorf("%s is said to speak English, and does not", file)
	}
}
