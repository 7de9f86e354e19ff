package scenario

import (
	"strings"
	"unicode"

	"lablab/say"
)

// foreign are characters that look like one of YAML's and are not, as an input method or a
// web page writes them, where only YAML's are meant: the first of each line. Text for
// people, quoted text and comments may have them.
func (c *complaints) foreign() []Problem {
	s := &foreigners{c: &complaints{file: c.file, lines: c.lines}, block: -1}
	for i, line := range c.lines {
		s.line(i+1, []rune(line))
	}
	return s.c.list
}

// foreigners goes through the lines of a file, which may not be YAML.
type foreigners struct {
	c     *complaints
	block int  // the indentation of the key whose value is a block of text, or -1
	quote rune // that is open, or 0
}

func (s *foreigners) line(number int, line []rune) {
	start := 0
	for start < len(line) && isSpace(line[start]) {
		start++
	}
	if start == len(line) || s.block >= 0 && start > s.block {
		return
	}
	s.block = -1
	told := len(s.c.list)
	tell := func(i int) bool {
		if len(s.c.list) == told {
			s.c.foreigner(Place{number, i + 1}, line[i])
		}
		return len(s.c.list) > told
	}
	if s.quote == 0 {
		for i := range start {
			if tell(i) {
				return
			}
		}
	}
	word, before, text := start, ' ', false // where the last word begins, the last character that is no space, and whether text for people comes
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
		if tell(i) {
			return
		}
		if next := i + 1; r == ':' && (next == len(line) || isSpace(line[next])) {
			if next < len(line) && tell(next) {
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

// foreigner tells of a character, if it is one that only looks like one of YAML's.
func (c *complaints) foreigner(at Place, r rune) {
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

// needsQuotes is the hint about a place in text for people that YAML takes for something
// else; empty about any other place.
func (c *complaints) needsQuotes(at Place) say.Sentence {
	const most = 2 * longest // bytes of a line that is read at a glance
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

// quoted is a text as YAML has it in quotes.
func quoted(text string) string {
	if strings.ContainsAny(text, `"\`) {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return `"` + text + `"`
}
