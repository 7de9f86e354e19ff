package render

import (
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
)

// init fixes the width of "…" and "–". go-pretty would take it from the locale, and a report must
// be the same everywhere.
func init() { text.OverrideRuneWidthEastAsianWidth(false) }

// width returns how many columns s takes on a terminal. Japanese characters take two.
func width(s string) int { return text.StringWidthWithoutEscSequences(s) }

// padded returns s, padded with spaces to that many columns.
func padded(s string, columns int) string {
	return s + strings.Repeat(" ", max(columns-width(s), 0))
}

// wrap breaks words into lines of at most columns. A line may end between any two Japanese
// characters, except where Japanese typesetting forbids it; a break between words reads better.
func wrap(words string, columns int) string {
	if !strings.ContainsFunc(words, isWide) {
		return text.WrapSoft(words, columns)
	}
	var lines []string
	line := ""
	for _, u := range phrases(words, columns) {
		if line != "" && width(line)+width(strings.TrimRight(u, " ")) > columns {
			lines, line = append(lines, strings.TrimRight(line, " ")), ""
		}
		line += u
	}
	return strings.Join(append(lines, strings.TrimRight(line, " ")), "\n")
}

// phrases joins units into words with the particles and endings that follow them, if the lines are
// long enough for that.
func phrases(words string, columns int) []string {
	const short = 30
	letters := units(words)
	if columns < short {
		return letters
	}
	var all []string
	for _, u := range letters {
		last := len(all) - 1
		if last >= 0 && holds(all[last], []rune(u)[0]) && width(all[last]+u) <= columns/2 {
			all[last] += u
			continue
		}
		all = append(all, u)
	}
	return all
}

// holds reports whether a phrase continues with next: an ending, or more characters of a word. A
// number stays with what it counts.
func holds(phrase string, next rune) bool {
	last := lastOf(phrase)
	switch {
	case unicode.IsPunct(last) && isWide(last):
		return false
	case unicode.Is(unicode.Hiragana, next):
		return true
	case unicode.Is(unicode.Han, next):
		return unicode.Is(unicode.Han, last) || endsWithin(phrase) || unicode.IsDigit(lastOf(" "+strings.TrimRight(phrase, " ")))
	case unicode.Is(unicode.Katakana, next):
		return unicode.Is(unicode.Katakana, last) || last == 'ー'
	}
	return false
}

// endsWithin reports whether a phrase ends inside a compound verb, as in 取り消す.
func endsWithin(phrase string) bool {
	r := []rune(phrase)
	return len(r) > 1 && unicode.Is(unicode.Han, r[len(r)-2]) && strings.ContainsRune("りちみきしいけれべめげえ", r[len(r)-1])
}

// units splits words into pieces that no line may break: a word and the space after it, or a
// Japanese character, with what must not start a line behind it and what must not end a line in
// front of it.
func units(words string) []string {
	const notFirst = "、。，．・：；？！）」』】〉》〕］｝ー々…‥ぁぃぅぇぉっゃゅょァィゥェォッャュョ)]},.:;?!"
	const notLast = "（「『【〈《〔［｛([{"
	var all []string
	joins := false // the next character belongs to the last unit
	for _, r := range words {
		last := len(all) - 1
		switch {
		case last < 0:
			all = append(all, string(r))
		case r == ' ', joins, strings.ContainsRune(notFirst, r):
			all[last] += string(r)
		case !isWide(r) && !strings.HasSuffix(all[last], " ") && !isWide(lastOf(all[last])):
			all[last] += string(r)
		default:
			all = append(all, string(r))
		}
		joins = strings.ContainsRune(notLast, r)
	}
	return all
}

func lastOf(s string) rune {
	r := []rune(s)
	return r[len(r)-1]
}

// isWide reports whether a character takes two columns.
func isWide(r rune) bool { return width(string(r)) > 1 }

// widest returns the width of the widest text.
func widest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	return width(slices.MaxFunc(texts, func(a, b string) int { return width(a) - width(b) }))
}
