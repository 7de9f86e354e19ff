package render

import (
	"lablab/report"
	"lablab/say"
)

// A Translated report is for a page: a report and its words in some languages.
type Translated struct {
	Report *report.Report      `json:"report"`
	Words  map[string]runWords `json:"words"`
}

// In returns a report with its words in these languages.
func In(r *report.Report, languages ...string) (Translated, error) {
	translated := Translated{r, map[string]runWords{}}
	for _, name := range languages {
		l, err := say.Speak(name)
		if err != nil {
			return Translated{}, err
		}
		translated.Words[name] = wordsOf(r, l)
	}
	return translated, nil
}

// runWords are the sentences about a run that a page shows. Those that a report has too are at their
// places in the report, whose figures are the same in every language.
type runWords struct {
	Title       string            `json:"title"`
	Question    string            `json:"question,omitempty"`
	Verdict     verdictWords      `json:"verdict"`
	Ask         *askWords         `json:"ask,omitempty"`
	Experiments []experimentWords `json:"experiments"`
	Streams     []streamWords     `json:"streams"`
	Flows       []flowWords       `json:"flows"`
	Why         []paragraphWords  `json:"why"`
}

// verdictWords say how a run ended, and what did not hold or was not judged.
type verdictWords struct {
	Tone       tone           `json:"tone"`
	Conclusion string         `json:"conclusion"`
	Failures   []failureWords `json:"failures"`
}

// A tone is how good news is.
type tone string

const (
	good     tone = "good"
	neutral  tone = "neutral"
	doubtful tone = "doubtful"
	bad      tone = "bad"
	stopped  tone = "stopped" // before its end
)

func toneOf(r *report.Report) tone {
	switch v := r.Verdict(); {
	case v == report.Held && r.Missed == (report.Missed{}):
		return good
	case v == report.Unpredicted:
		return neutral
	case v == report.Held, v == report.NotJudged:
		return doubtful
	case v == report.Interrupted, v == report.CutShort:
		return stopped
	}
	return bad
}

// failureWords say what did not hold or was not judged.
type failureWords struct {
	Failure    string `json:"failure"`
	Experiment int    `json:"experiment,omitempty"`
	Stream     string `json:"stream,omitempty"`
}

// askWords are the question before the experiment that surprises, its answers, and the truth.
type askWords struct {
	Question string   `json:"question"`
	Answers  []string `json:"answers"`
	Outcome  string   `json:"outcome"`
}

// experimentWords are the words of an experiment.
type experimentWords struct {
	Title       string            `json:"title"`
	Do          []string          `json:"do"`
	Predictions []predictionWords `json:"predictions"`
	Streams     []resultWords     `json:"streams"`
}

// resultWords are the words about a stream in one experiment.
type resultWords struct {
	Because []becauseWords `json:"because"`
}

// becauseWords are a sentence of the explanation.
type becauseWords struct {
	Sentence string `json:"sentence"`
}

// predictionWords are the words of a prediction.
type predictionWords struct {
	Subject   string `json:"subject"`
	Predicted string `json:"predicted"`
	Observed  string `json:"observed"`
	Held      string `json:"held_word"`
}

// streamWords are the words about a stream.
type streamWords struct {
	Title      string `json:"title"`
	Statistics string `json:"statistics"`
}

// flowWords are the words about a conntrack entry.
type flowWords struct {
	Admitter string `json:"admitter"`
}

// paragraphWords are the words of a paragraph of the explanation.
type paragraphWords struct {
	Subject   string   `json:"subject"`
	Sentences []string `json:"sentences"`
}

// wordsOf returns the words about a run in a language.
func wordsOf(r *report.Report, l *say.Language) runWords {
	w := runWords{Title: l.Text(r.Title), Question: l.Text(r.Question), Verdict: verdictIn(r, l)}
	if a := r.Ask; a != nil {
		w.Ask = &askWords{a.Question.In(l), textsIn(l, a.Answers), a.Outcome.In(l)}
	}
	for _, x := range r.Experiments {
		of := experimentWords{Title: l.Text(x.Title), Do: textsIn(l, x.Do)}
		for _, p := range x.Predictions {
			of.Predictions = append(of.Predictions, predictionWords{p.Subject.In(l), p.Predicted.In(l), p.Observed.In(l), held(p, x).In(l)})
		}
		for _, s := range x.Streams {
			var result resultWords
			for _, because := range s.Because {
				result.Because = append(result.Because, becauseWords{because.Sentence.In(l)})
			}
			of.Streams = append(of.Streams, result)
		}
		w.Experiments = append(w.Experiments, of)
	}
	for i := range r.Streams {
		s := &r.Streams[i]
		w.Streams = append(w.Streams, streamWords{say.F("Stream %s (%s)", s.Name, s.What()).In(l), figures(s).In(l)})
	}
	for _, f := range r.Flows {
		w.Flows = append(w.Flows, flowWords{f.Admitter().In(l)})
	}
	for _, p := range r.Why {
		w.Why = append(w.Why, paragraphWords{p.Subject.In(l), textsIn(l, p.Sentences)})
	}
	return w
}

func verdictIn(r *report.Report, l *say.Language) verdictWords {
	w := verdictWords{Tone: toneOf(r), Conclusion: r.Conclusion().In(l), Failures: []failureWords{}}
	for _, p := range r.Failures() {
		w.Failures = append(w.Failures, failureWords{p.Failure().In(l), p.Experiment, p.Stream})
	}
	for _, p := range r.Unjudged() {
		w.Failures = append(w.Failures, failureWords{p.Reason().In(l), p.Experiment, p.Stream})
	}
	return w
}

func textsIn(l *say.Language, sentences []say.Sentence) []string {
	var texts []string
	for _, s := range sentences {
		texts = append(texts, s.In(l))
	}
	return texts
}
