package scenario

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"lablab/say"
)

// Limits of a file. The parser has none of its own: its time grows with the square of a mapping's
// length, and its stack with the depth.
const (
	largest   = 1 << 20 // bytes
	mostMarks = 100_000 // punctuation and lines: at most a token each, of half a kilobyte
	deepest   = 32
	mostKeys  = 1000 // in one column of a block, or between braces
)

// isMark reports whether b is a line end or punctuation of ASCII, other than what names have.
func isMark(b byte) bool {
	switch {
	case b == '.', b == '/', b == '_':
		return false
	case b == '\n', '!' <= b && b <= '@' && (b < '0' || '9' < b), '[' <= b && b <= '`', '{' <= b && b <= '~':
		return true
	}
	return false
}

// parse reads the text as one YAML document. It rejects syntax that makes one part of the document
// stand for another.
func (c *complaints) parse(text []byte) ast.Node {
	if len(text) > largest {
		c.about(Place{1, 1}, "the file is larger than %d MB", largest>>20)
		c.list[0].Source = ""
		return nil
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	marks := 0
	for _, b := range text {
		if isMark(b) {
			marks++
		}
	}
	if marks > mostMarks {
		c.about(Place{1, 1}, "the file has more than %d lines and punctuation marks", mostMarks)
		c.list[0].Source = ""
		return nil
	}
	c.lines = strings.Split(string(text), "\n")
	for i, l := range c.lines {
		c.lines[i] = strings.TrimRight(l, " \t\r") // the lexer miscounts columns before trailing white space
	}
	if !c.printable() {
		return nil
	}
	tokens := lexer.Tokenize(strings.Join(c.lines, "\n"))
	if !c.plain(tokens) {
		return nil
	}
	file, err := safely(tokens)
	if err != nil {
		c.notYAML(err)
		return nil
	}
	var body ast.Node
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if body != nil {
			c.about(placeOf(document.Body), "a second document starts here: a file holds one scenario")
			return nil
		}
		body = document.Body
	}
	if body == nil {
		c.about(Place{1, 1}, "the file is empty: start from `lablab show ping`")
	}
	return body
}

// printable rejects characters that are invisible, or that make one line look like another.
func (c *complaints) printable() bool {
	before := len(c.list)
	for i, line := range c.lines {
		if !utf8.ValidString(line) {
			c.about(Place{i + 1, 1}, "the line is not valid UTF-8")
			continue
		}
		column := 0
		for _, r := range line {
			if column++; obeyed(r) && r != '\t' {
				c.about(Place{i + 1, column}, "unexpected control character %U", r)
				break
			}
		}
	}
	return len(c.list) == before
}

// plain rejects anchors, aliases, merge keys, tags, directives and keys that are not words, and
// anything too deep or too long to be intentional.
func (c *complaints) plain(tokens token.Tokens) bool {
	before := len(c.list)
	var d depth
	for _, t := range tokens {
		at := Place{t.Position.Line, t.Position.Column}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.DirectiveType, token.MappingKeyType:
			if hint := c.needsQuotes(at); !hint.Empty() {
				c.hinted(at, hint, "YAML takes %q for something of its own", t.Value)
				return false
			}
		}
		switch t.Type {
		case token.AnchorType, token.AliasType:
			c.about(at, "anchors and aliases are not supported: write it out")
		case token.MergeKeyType:
			c.about(at, "merge keys are not supported: write it out")
		case token.TagType:
			c.about(at, "tags are not supported: remove it")
		case token.DirectiveType:
			c.about(at, "directives are not supported: remove it")
		case token.MappingKeyType:
			c.about(at, "a key is one word, followed by a colon")
		}
		if problem := d.next(t); !problem.Empty() {
			c.report(at, say.Sentence{}, problem)
			return false
		}
	}
	return len(c.list) == before
}

// depth is how deep a token is nested in braces, lists and indentation.
type depth struct {
	line, dashes, braces int
	columns              []int // columns where the enclosing blocks begin
	keys                 []int // number of keys in each
	commas               []int // in each of the enclosing braces and brackets
}

func (d *depth) next(t *token.Token) (problem say.Sentence) {
	if t.Position.Line != d.line && d.braces == 0 && t.Type != token.CommentType {
		d.line, d.dashes = t.Position.Line, 0
		n := len(d.columns)
		for n > 0 && d.columns[n-1] > t.Position.Column {
			n--
		}
		d.columns, d.keys = d.columns[:n], d.keys[:n]
		if n == 0 || d.columns[n-1] < t.Position.Column {
			d.columns, d.keys = append(d.columns, t.Position.Column), append(d.keys, 0)
		}
		d.keys[len(d.keys)-1]++
		if t.Type == token.SequenceEntryType {
			d.keys[len(d.keys)-1] = 0 // the parser reads lists in one pass
		}
	}
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		d.braces++
		d.commas = append(d.commas, 0)
	case token.MappingEndType, token.SequenceEndType:
		d.braces--
		d.commas = d.commas[:max(len(d.commas)-1, 0)]
	case token.CollectEntryType:
		if n := len(d.commas); n > 0 {
			d.commas[n-1]++
		}
	case token.SequenceEntryType:
		d.dashes++
	}
	switch {
	case d.braces+d.dashes+len(d.columns) > deepest:
		return say.F("this is nested more than %d levels deep", deepest)
	case len(d.commas) > 0 && d.commas[len(d.commas)-1] > mostKeys:
		return say.F("more than %d values in one list or mapping", mostKeys)
	case len(d.keys) > 0 && d.keys[len(d.keys)-1] > mostKeys:
		return say.F("more than %d keys in a row without a value", mostKeys)
	}
	return say.Sentence{}
}

// safely parses YAML. If the parser panics, the input is not YAML.
func safely(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = say.Errorf("not valid YAML: %v", p)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

func (c *complaints) notYAML(err error) {
	var wrong yaml.Error
	if !errors.As(err, &wrong) || wrong.GetToken() == nil {
		message, _, _ := strings.Cut(err.Error(), "\n")
		c.about(Place{1, 1}, "%s", message)
		return
	}
	t := wrong.GetToken()
	message, hint := wrong.GetMessage(), say.Sentence{}
	for _, known := range hints() {
		if strings.Contains(message, known.says) {
			hint = known.hint
			break
		}
	}
	at := Place{t.Position.Line, t.Position.Column}
	if quotes := c.needsQuotes(at); !quotes.Empty() {
		hint = quotes
	} else if strings.HasPrefix(message, "mapping value is not allowed") {
		hint = say.F("a value with a colon needs quotes, and a mapping as a value braces: { key: value }")
	} else if i := c.misplaced(at.Line - 1); i >= 0 {
		at = Place{i + 1, indentation(c.lines[i]) + 1}
	}
	c.hinted(at, hint, "not valid YAML: %s", visible(message))
}

// misplaced returns the line that is wrongly indented, or -1. Such a line is indented less than the
// line after it, and less than the line before it, although that one and a later line have the same
// indentation: between two lines that belong together, no line begins further left.
func (c *complaints) misplaced(line int) int {
	if line < 0 || line >= len(c.lines) {
		return -1
	}
	found, depth := -1, indentation(c.lines[line])
	for i := line - 1; i >= 0; i-- {
		text := strings.TrimSpace(c.lines[i])
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		switch own := indentation(c.lines[i]); {
		case own == depth:
			return found
		case own < depth:
			found = i
		}
	}
	return -1
}

// indentation is the number of spaces at the start of a line.
func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// hints returns what the messages of the parser most probably mean.
func hints() []struct {
	says string
	hint say.Sentence
} {
	return []struct {
		says string
		hint say.Sentence
	}{
		{"'\t'", say.F("indent with spaces, not tabs")},
		{"invalid header option", say.F(`a value that starts with > or | needs quotes, as in ">=5"`)},
		{"non-map value", say.F("is a colon missing here, as in key: value?")},
		{"is not allowed in this context", say.F("does the indentation match the lines above?")},
		{"must be specified", say.F("is a bracket or brace left open before this?")},
		{"not found", say.F("it is opened here and never closed")},
		{"reserved character", say.F("put it in quotes")},
	}
}

// placeOf returns where a node begins.
func placeOf(n ast.Node) Place {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return placeOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return placeOf(n.Key)
	}
	at := n.GetToken().Position
	return Place{at.Line, max(at.Column, 1)}
}
