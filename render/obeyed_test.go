package render_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"lablab/internal/recordtest"
	"lablab/render"
	"lablab/say"
	"lablab/sg"
)

// attacks are what a hostile name may contain: control characters, characters that reorder text or
// have no width, and commands of CI systems, at the start of a line or in the place where a line may
// be wrapped.
var attacks = []string{
	"\x1bc\x07\r\x1b]0;title\x07\u009b2J\u0085::error::%",
	"\u202e\u2066\u200b\u2060\ufeff\u00ad\U000e0041\u2028::error::%\u3164",
	"::stop-commands::token",
	"\n\u00a0 \u3000::set-env name=PATH::/tmp\r\n::add-mask::a",
	"##[error]% ##vso[task.complete] ##[\x1b[0m[x]",
	strings.Repeat("x", 60) + " ::error file=a,line=1::% ::error::%" + strings.Repeat(" y ::debug::z", 30),
	"</script>|`*_[x](javascript:y)<img src=x>&#x202e;",
	"::\u200berror::% #\u200b#[error] ##\ufeff[error]",
}

// obeyed returns what a terminal or a CI system would obey in an output, or nothing. The styles of
// lablab itself are not counted. Commands are found as actions/runner does, in TryParseV2 and TryParse
// of src/Runner.Common/ActionCommand.cs.
func obeyed(output string) string {
	output = regexp.MustCompile("\x1b\\[([0-9]{1,2})?m").ReplaceAllString(output, "")
	for line := range strings.SplitSeq(output, "\n") {
		for _, r := range line {
			if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r == '\u3164' {
				return fmt.Sprintf("%U in %q", r, line)
			}
		}
		if command, is := strings.CutPrefix(strings.TrimSpace(line), "::"); is {
			if name, _, is := strings.Cut(command, "::"); is {
				name, _, _ = strings.Cut(name, " ")
				if !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' }) {
					return fmt.Sprintf("command %s in %q", name, line)
				}
			}
		}
		for _, mark := range []string{"##[", "##vso["} {
			if _, command, is := strings.Cut(line, mark); is && strings.Contains(command, "]") {
				return fmt.Sprintf("%s in %q", mark, line)
			}
		}
	}
	return ""
}

// Nothing in a record acts on a terminal or on a CI system, in any format, wherever it is wrapped.
func TestHostileStrings(t *testing.T) {
	t.Parallel()
	japanese, err := say.Speak("ja")
	if err != nil {
		t.Fatal(err)
	}
	languages := []*say.Language{nil, japanese}
	record, values := recordOf(t, failing(recordtest.Read(t, "both-entries-cut")))
	free := slices.DeleteFunc(values, func(value string) bool { // the others have a meaning
		_, is := replaced(t, record, func(v string) (string, bool) { return v + attacks[0], v == value })
		return !is
	})
	if len(free) < 15 {
		t.Errorf("only %d strings of a record may be anything: %q", len(free), free)
	}
	for i, attack := range attacks {
		for way, put := range map[string]func(string) string{
			"instead": func(string) string { return attack },
			"before":  func(s string) string { return attack + s },
			"after":   func(s string) string { return s + " " + attack },
		} {
			events, is := replaced(t, record, func(v string) (string, bool) {
				return put(v) + fmt.Sprint(slices.Index(free, v)), slices.Contains(free, v) // names differ
			})
			if !is {
				t.Errorf("attack %d %s makes no record", i, way)
				continue
			}
			for format, output := range outputs(t, events, languages, 40) {
				if what := obeyed(output); what != "" {
					t.Errorf("attack %d %s, %s: %s", i, way, format, what)
				}
			}
		}
	}
}

// The same of all other texts, for terminals of every width.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for _, attack := range append(attacks, strings.Repeat("x", 10_000)) {
		words := say.As(attack)
		check := &render.Check{
			Groups:   []render.CheckedGroup{{ID: attack, Name: attack, Description: attack, Rules: []render.CheckedRule{{ID: attack, What: attack, Peer: attack, Reason: words}}}},
			Problems: []sg.Finding{{Group: attack, Rule: attack, Reason: words}}, Notes: []say.Sentence{words}, ACLs: []render.CheckedACL{{Interface: attack, Rules: []string{attack}}},
		}
		exposure := sg.Exposure{
			Columns: []sg.PortColumn{{Protocol: attack}, {Protocol: "tcp", Ports: [][2]int{{1, 65535}, {7, 9}}}},
			Groups:  []sg.ExposedGroup{{Group: attack, Name: attack, Openings: []sg.Opening{sg.ToWorld, sg.Closed}}},
		}
		statements := []render.Statement{{Statement: attack, Verdict: "broken", CounterExamples: []render.CounterExample{{Group: attack, Name: attack, Rules: []string{attack, attack}, Interfaces: []string{attack}}}}}
		diagnosis := &render.Diagnosis{Kernel: attack, Checks: []render.Ability{{Name: attack, Status: "missing", Found: words, Hint: words, Needed: true}}, Run: attack}
		step := 13
		if len(attack) > 1000 {
			step = 99
		}
		for width := 1; width <= 500; width += step {
			var b bytes.Buffer
			text := render.NewText(&b, width, nil)
			if err := errors.Join(text.Check(check), text.Exposure(exposure), text.Statements(statements, words), text.Diagnosis(diagnosis)); err != nil {
				t.Fatal(err)
			}
			if what := obeyed(b.String()); what != "" {
				t.Fatalf("%d columns: %s", width, what)
			}
		}
		var b bytes.Buffer
		if err := render.JSON(&b, check); err != nil {
			t.Fatal(err)
		}
		if what := obeyed(b.String()); what != "" {
			t.Errorf("JSON: %s", what)
		}
	}
}
