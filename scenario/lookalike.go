package scenario

import (
	"strings"
	"unicode"

	"lablab/say"
)

// lookalikes finds characters that look like YAML syntax but are not, as input methods and web pages
// produce them. It reports the first in each line, and only where YAML syntax is meant: text for
// people, quoted text and comments may contain them.
func (c *complaints) lookalikes() []Problem {
	s := &lookalikeScanner{c: &complaints{file: c.file, lines: c.lines}, block: -1}
	for i, line := range c.lines {
		s.line(i+1, []rune(line))
	}
	return s.c.list
}

// A lookalikeScanner reads the lines of a file that may not be valid YAML.
type lookalikeScanner struct {
	c     *complaints
	block int  // indentation of the key whose value is a block of text, or -1
	quote rune // the open quote, or 0
}

func (s *lookalikeScanner) line(number int, line []rune) {
	start := 0
	for start < len(line) && isSpace(line[start]) {
		start++
	}
	if start == len(line) || s.block >= 0 && start > s.block {
		return
	}
	s.block = -1
	listed := len(s.c.list)
	found := func(i int) bool {
		if len(s.c.list) == listed {
			s.c.lookalike(Place{number, i + 1}, line[i])
		}
		return len(s.c.list) > listed
	}
	if s.quote == 0 {
		for i := range start {
			if found(i) {
				return
			}
		}
	}
	word, before, text := start, ' ', false // start of the last word, last character that is not a space, whether text for people follows
	for i := start; i < len(line); i++ {
		r := line[i]
		switch {
		case s.quote != 0:
			if r == '\\' && s.quote == '"' {
				i++
			} else if r == s.quote {
				s.quote = 0
			}
			word, before = i+1, 'x'
			continue
		case text && r != ',' && r != '}':
			continue
		case r == '#' && (i == 0 || isSpace(line[i-1])):
			return
		case (r == '"' || r == '\'') && strings.ContainsRune(" -:,[{", before):
			s.quote = r
			continue
		case (r == '|' || r == '>') && before == ':':
			s.block = start
			return
		}
		text = false
		if found(i) {
			return
		}
		if next := i + 1; r == ':' && (next == len(line) || isSpace(line[next])) {
			if next < len(line) && found(next) {
				return
			}
			key := string(line[word:i])
			if key == "exec" {
				return
			}
			for next < len(line) && line[next] == ' ' {
				next++
			}
			text = isText(key) && next < len(line) && !strings.ContainsRune("\"'|>[{", line[next])
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			word = i + 1
		}
		if !isSpace(r) {
			before = r
		}
	}
}

// isText reports whether a key's value is text for people, or the name of a file.
func isText(key string) bool {
	return key == "title" || key == "question" || key == "description" || key == "file"
}

func isSpace(r rune) bool { return r == '\t' || unicode.Is(unicode.Zs, r) }

// lookalike reports a character if it only looks like YAML syntax.
func (c *complaints) lookalike(at Place, r rune) {
	const widened = '！' - '!'
	switch {
	case r == '\u3000':
		c.about(at, "here is a full-width space (%U): write an ordinary space", r)
	case r == '\u00a0':
		c.about(at, "here is a no-break space (%U): write an ordinary space", r)
	case r != ' ' && unicode.Is(unicode.Zs, r):
		c.about(at, "here is an unusual space (%U): write an ordinary space", r)
	case r == '\u200b' || r == '\ufeff':
		c.about(at, "here is an invisible character (%U): remove it", r)
	case '！' <= r && r <= '～':
		c.about(at, "%q is a full-width character (%U): write %q", string(r), r, string(r-widened))
	case r == '、':
		c.about(at, "%q is a full-width character (%U): write %q", string(r), r, ",")
	case r == '“' || r == '”' || r == '„':
		c.about(at, "%s is a typographic quotation mark (%U): write %s", string(r), r, `"`)
	case r == '‘' || r == '’':
		c.about(at, "%s is a typographic quotation mark (%U): write %s", string(r), r, "'")
	}
}

// needsQuotes returns a hint if YAML takes text for people at this place for something else;
// otherwise it is empty.
func (c *complaints) needsQuotes(at Place) say.Sentence {
	const most = 2 * longest // bytes of a line to scan at most
	if at.Line < 1 || at.Line > len(c.lines) || len(c.lines[at.Line-1]) > most {
		return say.Sentence{}
	}
	before, value, found := strings.Cut(c.lines[at.Line-1], ": ")
	key := strings.TrimLeft(before, " -")
	if value = strings.TrimSpace(value); !found || !isText(key) || value == "" || at.Column <= len(before) {
		return say.Sentence{}
	}
	return say.F("put it in quotes, as in %s: %s", key, quoted(value))
}

// quoted returns text as a quoted YAML string.
func quoted(text string) string {
	if strings.ContainsAny(text, `"\`) {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return `"` + text + `"`
}
