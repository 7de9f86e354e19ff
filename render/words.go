package render

import (
	"lablab/report"
	"lablab/say"
)

// A Told is a report for a page, and its words in some languages.
type Told struct {
	Report *report.Report   `json:"report"`
	Words  map[string]Words `json:"words"`
}

// In returns a report with its words in these languages.
func In(r *report.Report, languages ...string) (Told, error) {
	told := Told{r, map[string]Words{}}
	for _, name := range languages {
		l, err := say.Speak(name)
		if err != nil {
			return Told{}, err
		}
		told.Words[name] = WordsOf(r, l)
	}
	return told, nil
}

// Words are the sentences about a run that a page shows. Those that a report has too are at their
// places in the report, whose figures are the same in every language.
type Words struct {
	Title       string            `json:"title"`
	Question    string            `json:"question,omitempty"`
	Verdict     VerdictWords      `json:"verdict"`
	Experiments []ExperimentWords `json:"experiments"`
	Streams     []StreamWords     `json:"streams"`
	Flows       []FlowWords       `json:"flows"`
	Why         []ParagraphWords  `json:"why"`
}

// VerdictWords say how a run ended, and what did not hold.
type VerdictWords struct {
	Tone       tone           `json:"tone"`
	Conclusion string         `json:"conclusion"`
	Failures   []FailureWords `json:"failures"`
}

// A tone is how good news is.
type tone string

const (
	good     tone = "good"
	neutral  tone = "neutral"
	doubtful tone = "doubtful"
	bad      tone = "bad"
)

func toneOf(r *report.Report) tone {
	switch v := r.Verdict(); {
	case v == report.Held && r.Missed == (report.Missed{}):
		return good
	case v == report.Unpredicted:
		return neutral
	case v == report.Held, v == report.Interrupted, v == report.CutShort:
		return doubtful
	}
	return bad
}

// FailureWords say what did not hold.
type FailureWords struct {
	Failure    string `json:"failure"`
	Experiment int    `json:"experiment,omitempty"`
	Stream     string `json:"stream,omitempty"`
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
	Held      string `json:"held_word"`
}

// StreamWords are the words about a stream.
type StreamWords struct {
	Title      string `json:"title"`
	Statistics string `json:"statistics"`
}

// FlowWords are the words about a conntrack entry.
type FlowWords struct {
	Admitter string `json:"admitter"`
}

// ParagraphWords are the words of a paragraph of the explanation.
type ParagraphWords struct {
	Subject   string   `json:"subject"`
	Sentences []string `json:"sentences"`
}

// WordsOf returns the words about a run in a language.
func WordsOf(r *report.Report, l *say.Language) Words {
	w := Words{Title: l.Text(r.Title), Question: l.Text(r.Question), Verdict: verdictWords(r, l)}
	for _, x := range r.Experiments {
		words := ExperimentWords{Title: l.Text(x.Title), Do: told(l, x.Do)}
		for _, p := range x.Predictions {
			words.Predictions = append(words.Predictions, PredictionWords{p.Subject.In(l), p.Predicted.In(l), p.Observed.In(l), held(p, x).In(l)})
		}
		w.Experiments = append(w.Experiments, words)
	}
	for i := range r.Streams {
		s := &r.Streams[i]
		w.Streams = append(w.Streams, StreamWords{say.F("Stream %s (%s)", s.Name, s.What()).In(l), figures(s).In(l)})
	}
	for _, f := range r.Flows {
		w.Flows = append(w.Flows, FlowWords{f.Admitter().In(l)})
	}
	for _, p := range r.Why {
		w.Why = append(w.Why, ParagraphWords{p.Subject.In(l), told(l, p.Sentences)})
	}
	return w
}

func verdictWords(r *report.Report, l *say.Language) VerdictWords {
	w := VerdictWords{Tone: toneOf(r), Conclusion: r.Conclusion().In(l), Failures: []FailureWords{}}
	for _, p := range r.Failures() {
		w.Failures = append(w.Failures, FailureWords{p.Failure().In(l), p.Experiment, p.Stream})
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
