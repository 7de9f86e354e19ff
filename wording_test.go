package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"lablab/internal/cli"
	"lablab/scenario"
)

// A wording is English that reads like a translation, and what an engineer would say.
type wording struct {
	words  *regexp.Regexp
	better string
}

// banned makes wordings from pairs: the wrong text, then the better one. A space also matches a
// line break.
func banned(pairs ...string) []wording {
	var all []wording
	for i := 0; i < len(pairs); i += 2 {
		words := strings.ReplaceAll(pairs[i], " ", `\s+`)
		all = append(all, wording{regexp.MustCompile(`(?i)\b(?:` + words + `)\b`), pairs[i+1]})
	}
	return all
}

var wordings = banned(
	// rules, packets, flows
	`let(s|ting)? ((an?|the|each|every|all|no|new|this|that) )*((it|them|each|flows?|packets?|pings?|traffic|replies|requests|ssh|icmp) )?(in|out)`, "a rule allows traffic",
	`judg(e[sd]?|ing)`, "match, check, decide; a packet is accepted or dropped",
	`held against`, "checked against",
	`(rules?|groups?|conntrack|ACLs?) (is|are|was|were) (asked|looked at)|asks? (no|the|its) rules?|rule after rule`, "the rules are checked",
	`(packets?|flows?|pings?|queries|connections?|it) (is|are|was|were) (refused|admitted)`, "a packet is accepted or dropped; a rule allows a flow",
	`passed or died|packets? died?`, "accepted or dropped",
	`remembers? nothing|knows? no (connections?|flows?)`, "has no entry for; is stateless",
	`stranger`, "new",
	`lives on|live on with`, "go on, continue",
	`in the middle`, "mid-connection, mid-stream",
	`takes? up (a |TCP |no |the )?connections?`, "pick up connections mid-stream",
	`amid`, "mid-connection, during",
	`carr(y|ies|ied|ying) (a |the |no |its |other |this |that |these )?groups?|groups? that (\S+ ){1,2}carr(y|ies)`, "a host has groups; a group is attached to hosts",
	`stands? before`, "is attached to",
	`all the rest`, "everything else",
	// streams and evidence
	`nothing becomes of|what will become of`, "what happens to",
	`(was|were|is|are|not|nobody) heard|unheard`, "was seen, was lost",
	`tells? of|told of|told that rule`, "report",
	`nobody listens`, "the port is closed; nothing listens",
	`to no avail`, "in vain",
	`some so`, "mixed",
	// fixes and failures
	`mend(s|ed|ing)?`, "fix",
	`way out`, "hint, fix",
	`(it|run|stream|lab) (that )?broke|breaks by itself`, "failed, ended with an error",
	`not everything was as predicted|everything was as predicted`, "all predictions held",
	// absence and people
	`(is|are|was|were|be) none`, "is not a, has no",
	`(is|are|was|were) no`, "is not a, has no",
	`whoever|somebody|nobody|everybody|(to|of|for) who (reads|watches|has)`, "the reader, the client, another process, no program",
	// output and options
	`an? line (of \S+ )?an? \S+|a line each|a file each`, "one line per event",
	`over what is there`, "overwriting it",
	`besides`, "also",
	`(in|take|takes) the place of`, "instead of, replaces",
	`so (many|wide|slowly)`, "n",
	`(comes?|goes) by`, "polls, passes",
	`(is|are) due`, "expected",
	`no part of`, "want, expected",
	`of no account`, "ignored",
	`what (there is|is there)|what it is`, "for X: command",
	`in another way`, "differently",
	`enough of|had enough`, "closed early",
	`laboratory`, "lab",
	`moral`, "lesson",
	`(the )?power lacks`, "when not root",
	`plays? (a |the )?scenarios?`, "run a scenario",
	`by way of`, "through",
	`to begin one's own`, "as a start for your own",
)

// fine matches phrases that contain banned words and that an engineer does say.
var fine = regexp.MustCompile(`(?i)\b(?:no longer|there\s+(?:is|are|was|were)\s+no|no\s+more\s+than|(?:let|lets)\s+you\b[^.]*|broken pipe|not\s+(?:be\s+)?judged|in\s+the\s+middle\s+of)\b`)

// wordingsIn returns the banned wordings that a text contains.
func wordingsIn(text string) []string {
	text = fine.ReplaceAllString(text, "")
	var found []string
	for _, w := range wordings {
		if words := w.words.FindString(text); words != "" {
			found = append(found, strings.Join(strings.Fields(words), " ")+" (better: "+w.better+")")
		}
	}
	return found
}

// What people read at run time uses the terms of the field.
func TestMessagesAreWordedPlainly(t *testing.T) {
	l := listen(t)
	commands := cli.Commands()
	commands.InitDefaultHelpCmd()
	commands.InitDefaultCompletionCmd("completion")
	read := 0
	check := func(where, text string) {
		read++
		for _, wrong := range wordingsIn(text) {
			t.Errorf("%s: %q: %s", where, text, wrong)
		}
	}
	for _, all := range [][]message{l.messages, l.typed(), helpMessages(commands), courseMessages()} {
		for _, m := range all {
			check(m.where.String(), m.english)
		}
	}
	said := regexp.MustCompile(`(?m)^  '((?:[^'\\]|\\.)*)': '`)
	page, err := os.ReadFile("internal/web/page/ja.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range said.FindAllStringSubmatch(string(page), -1) {
		check("the page", m[1])
	}
	schema, err := scenario.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var described any
	if err := json.Unmarshal(schema, &described); err != nil {
		t.Fatal(err)
	}
	descriptions(described, func(text string) { check("the schema", text) })
	if read < 2000 {
		t.Errorf("only %d texts were read", read)
	}
}

// descriptions calls f with the descriptions in a JSON Schema.
func descriptions(of any, f func(string)) {
	switch of := of.(type) {
	case map[string]any:
		for key, value := range of {
			if text, ok := value.(string); ok && key == "description" {
				f(text)
			}
			descriptions(value, f)
		}
	case []any:
		for _, value := range of {
			descriptions(value, f)
		}
	}
}

// So do the documents; their quotations are checked at the source.
func TestDocumentsAreWordedPlainly(t *testing.T) {
	quoted := regexp.MustCompile("(?ms)^ *```.*?^ *```$|`[^`\n]*`|\\]\\([^)]*\\)")
	lines := regexp.MustCompile(`[^\n]`)
	for _, name := range markdown(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".ja.md") {
			continue
		}
		prose := quoted.ReplaceAllStringFunc(string(text), func(code string) string { return "`" + lines.ReplaceAllString(code, "") + "`" })
		prose = fine.ReplaceAllStringFunc(prose, func(words string) string { return lines.ReplaceAllString(words, "") })
		for _, w := range wordings {
			for _, at := range w.words.FindAllStringIndex(prose, -1) {
				t.Errorf("%s:%d: %q (better: %s)", name, 1+strings.Count(prose[:at[0]], "\n"), prose[at[0]:at[1]], w.better)
			}
		}
	}
}

// The list finds what was once written, and nothing in the text that replaced it.
func TestWordingsAreFound(t *testing.T) {
	for _, text := range []string{
		"rule ping lets a new flow in", "which rule let each in", "the groups that the host carries", "rule after rule is asked", "Whoever is new",
		"20 is no duration: of what?", "write a line an event", "write it over what is there", "a report to a file besides",
		"the way out", "how to mend what it cannot", "a list is due here", "a network ACL stands before A", "in the place of a lab's", "it broke",
		"its sender was told\nthat nobody listens", "verdicts that the kernel told of", "taken up in the middle", "the packet was refused",
	} {
		if len(wordingsIn(text)) == 0 {
			t.Errorf("%q is taken for plain English", text)
		}
	}
	for _, text := range []string{
		"the rule no longer applies", "there is no conntrack entry", "the log is in order", "let lablab choose", "write: broken pipe", "outlets in", "a rule allows it in",
		"in the middle of the page", "stalled: replied and refused", "also write a report to a file", "lablab up lets you work in a lab",
	} {
		for _, wrong := range wordingsIn(text) {
			t.Errorf("%q: %s", text, wrong)
		}
	}
}

// Help fits a terminal that is 100 columns wide.
func TestHelpFitsTheTerminal(t *testing.T) {
	const columns = 100
	root := cli.Commands()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("completion")
	shown := 0
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		var b bytes.Buffer
		c.SetOut(&b)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			shown++
			if n := utf8.RuneCountInString(line); n > columns {
				t.Errorf("%s --help: %d columns: %s", c.CommandPath(), n, line)
			}
		}
		for _, below := range c.Commands() {
			visit(below)
		}
	}
	visit(root)
	if shown < 400 {
		t.Errorf("only %d lines", shown)
	}
}
