package scenario

import (
	"fmt"
	"strings"
)

// didYouMean asks for what is spelt alike, or names what there is.
func didYouMean(word string, choices []string) string {
	if alike := nearest(word, choices); alike != "" {
		return fmt.Sprintf("did you mean %q?", alike)
	}
	switch {
	case len(choices) == 0:
		return ""
	case len(choices) > 24:
		choices = append(choices[:24:24], "…")
	}
	return "there is " + strings.Join(choices, ", ")
}

// nearest is the choice that differs least from the word, by two letters at most
// and by less than half of it; or nothing.
func nearest(word string, choices []string) string {
	best, least := "", 3
	for _, choice := range choices {
		if len(word) > 2*len(choice)+2 {
			continue
		}
		d := distance(strings.ToLower(word), strings.ToLower(choice))
		if d < least && 2*d < len(choice)+1 {
			best, least = choice, d
		}
	}
	return best
}

// distance is Levenshtein's: how many letters to add, take away or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
