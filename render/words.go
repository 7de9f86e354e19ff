package render

import (
	"lablab/report"
	"lablab/say"
)

// Words are the parts of a report that are translated, at their places in the report. The figures
// are the same in every language.
type Words struct {
	Title       string            `json:"title"`
	Question    string            `json:"question,omitempty"`
	Experiments []ExperimentWords `json:"experiments"`
	Why         []ParagraphWords  `json:"why"`
}

// ExperimentWords are the words of an experiment.
type ExperimentWords struct {
	Title       string            `json:"title"`
	Do          []string          `json:"do"`
	Predictions []PredictionWords `json:"predictions"`
}

// PredictionWords are the words of a prediction.
type PredictionWords struct {
	Subject   string `json:"subject"`
	Predicted string `json:"predicted"`
	Observed  string `json:"observed"`
}

// ParagraphWords are the words of a paragraph of the explanation.
type ParagraphWords struct {
	Subject   string   `json:"subject"`
	Sentences []string `json:"sentences"`
}

// InAll returns the report for a page: in full in English, and the words alone in other languages.
func InAll(r *report.Report) (map[string]any, error) {
	all := map[string]any{"en": r}
	for _, name := range say.Languages() {
		if name == "en" {
			continue
		}
		l, err := say.Speak(name)
		if err != nil {
			return nil, err
		}
		all[name] = WordsOf(r, l)
	}
	return all, nil
}

// WordsOf returns the report's words in a language.
func WordsOf(r *report.Report, l *say.Language) Words {
	w := Words{Title: l.Text(r.Title), Question: l.Text(r.Question)}
	for _, x := range r.Experiments {
		words := ExperimentWords{Title: l.Text(x.Title), Do: told(l, x.Do)}
		for _, p := range x.Predictions {
			words.Predictions = append(words.Predictions, PredictionWords{p.Subject.In(l), p.Predicted.In(l), p.Observed.In(l)})
		}
		w.Experiments = append(w.Experiments, words)
	}
	for _, p := range r.Why {
		w.Why = append(w.Why, ParagraphWords{p.Subject.In(l), told(l, p.Sentences)})
	}
	return w
}

func told(l *say.Language, sentences []say.Sentence) []string {
	var texts []string
	for _, s := range sentences {
		texts = append(texts, s.In(l))
	}
	return texts
}
