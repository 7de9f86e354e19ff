package render

import (
	"strings"

	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// A Narration is what a report.Narrator has said, in every language.
type Narration struct {
	// Subtitles are new ones, numbered from 0 over all narrations of a narrator.
	Subtitles []subtitle `json:"subtitles,omitempty"`
	// Captions are pairs: the number of an event and that of its subtitle.
	Captions [][2]uint64 `json:"captions,omitempty"`
	Lines    []line      `json:"lines,omitempty"`
}

// A subtitle is lines by language, each in pieces.
type subtitle struct {
	Tone    string                `json:"tone,omitempty"`
	Decides bool                  `json:"decides,omitempty"`
	Waits   bool                  `json:"waits,omitempty"`
	Words   map[string][][]string `json:"words"`
}

// A line is what the story of a packet says about a decision, by language.
type line struct {
	Decision any               `json:"decision"`
	Words    map[string]string `json:"words"`
}

// An Interpreter puts narrations into every language.
type Interpreter struct{ languages map[string]*say.Language }

// NewInterpreter returns an interpreter.
func NewInterpreter() (*Interpreter, error) {
	i := &Interpreter{map[string]*say.Language{}}
	for _, name := range say.Languages() {
		l, err := say.Speak(name)
		if err != nil {
			return nil, err
		}
		i.languages[name] = l
	}
	return i, nil
}

// Put returns a narration in every language.
func (i *Interpreter) Put(said report.Narration) Narration {
	var n Narration
	for _, s := range said.Subtitles {
		n.Subtitles = append(n.Subtitles, subtitle{string(s.Tone), s.Decides, s.Waits, inEach(i, func(l *say.Language) [][]string { return lines(s.Words.Pieces(l)) })})
	}
	for _, c := range said.Captions {
		n.Captions = append(n.Captions, [2]uint64{c.Event, c.Subtitle})
	}
	for _, l := range said.Lines {
		n.Lines = append(n.Lines, line{l.Decision, inEach(i, l.Words.In)})
	}
	return n
}

// Narrate says what the events of a timeline mean, in every language.
func (i *Interpreter) Narrate(events []timeline.Event) Narration {
	n := report.NewNarrator()
	for _, e := range events {
		n.Add(e)
	}
	return i.Put(n.Said())
}

// lines cuts pieces, of which every other is the name of a blank, where a line ends.
func lines(pieces []string) [][]string {
	all := [][]string{nil}
	for i, piece := range pieces {
		if i%2 == 1 {
			all[len(all)-1] = append(all[len(all)-1], piece)
			continue
		}
		for j, text := range strings.Split(piece, "\n") {
			if j > 0 {
				all = append(all, nil)
			}
			all[len(all)-1] = append(all[len(all)-1], text)
		}
	}
	return all
}

// inEach returns what say says in each language.
func inEach[T any](i *Interpreter, say func(*say.Language) T) map[string]T {
	said := map[string]T{}
	for name, l := range i.languages {
		said[name] = say(l)
	}
	return said
}
