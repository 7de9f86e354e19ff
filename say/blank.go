package say

import "strings"

// A Blank is an argument that is filled in when the sentence is shown: so one sentence serves many
// packets, each with its own number. It is the name of what goes there.
type Blank string

// gap surrounds the names of blanks in a rendered sentence. It is a noncharacter, which Unicode
// reserves for use within a program.
const gap = "\ufdd0"

// In returns the blank as Pieces recognizes it.
func (b Blank) In(*Language) string { return gap + string(b) + gap }

// Pieces returns the sentence in a language, cut at its blanks: text and the names of blanks, in
// turn.
func (s Sentence) Pieces(l *Language) []string { return strings.Split(s.In(l), gap) }
