package scenario

import (
	"slices"
	"strings"

	"lablab/say"
)

// DidYouMean suggests the choice with a similar spelling, or else lists all choices.
func DidYouMean(word string, choices []string) say.Sentence {
	if alike := Alike(word, choices); alike != "" {
		return say.F("did you mean %q?", alike)
	}
	switch {
	case len(choices) == 0:
		return say.Sentence{}
	case len(choices) == 1:
		return say.F("the only choice is %s", choices[0])
	case len(choices) > 24:
		choices = append(choices[:24:24], "…")
	}
	return say.F("choose from %s", strings.Join(choices, ", "))
}

// synonyms are words that reports, AWS or other tools use for a word of scenario files.
var synonyms = map[string]string{
	"answered": "replied", "dropped": "refused", "name": "as", "security_groups": "groups",
}

// Alike returns the choice that means the same, or the one closest to the word: it differs in at
// most two letters and never in all of them. It returns "" if none is that close.
func Alike(word string, choices []string) string {
	if same := synonyms[strings.ToLower(word)]; slices.Contains(choices, same) {
		return same
	}
	best, least := "", 3
	for _, choice := range choices {
		if len(word) > 2*len(choice)+2 {
			continue
		}
		d := distance(strings.ToLower(word), strings.ToLower(choice))
		if d < least && d < len(choice) && 2*d <= len(choice)+1 {
			best, least = choice, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with the next one (the
// Damerau–Levenshtein distance).
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
