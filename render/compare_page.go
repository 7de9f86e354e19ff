package render

import (
	"encoding/json"

	"lablab/enforce"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// A comparedPage is what a page shows of a comparison.
type comparedPage struct {
	Scenario string                   `json:"scenario"`
	Columns  []columnOnPage           `json:"columns"`
	Rows     []rowOnPage              `json:"rows"`
	Outcomes []report.Outcome         `json:"outcomes"` // those that a cell has
	Reasons  []string                 `json:"reasons"`  // keys of what decided, as cells have them
	Words    map[string]comparedWords `json:"words"`
}

// A columnOnPage is a stream in an experiment.
type columnOnPage struct {
	Stream     string `json:"stream"`
	Experiment int    `json:"experiment"`
}

// A rowOnPage is what happened under a model. Products are those that it stands for.
type rowOnPage struct {
	Name     string        `json:"name"`
	Model    string        `json:"model"`
	Products []string      `json:"products"`
	Cells    []*cellOnPage `json:"cells"` // for each column; null where the stream sends nothing
}

// A cellOnPage is what happened to a stream in an experiment, and what decided.
type cellOnPage struct {
	Outcome  report.Outcome `json:"outcome"`
	Sign     string         `json:"sign"`
	Tone     tone           `json:"tone"`
	Sent     int            `json:"sent"`
	Received int            `json:"received"`
	Reason   string         `json:"reason,omitempty"`
	Doubtful bool           `json:"doubtful,omitempty"` // some evidence is missing
}

// comparedWords are the words of a comparison in a language.
type comparedWords struct {
	Title     string                    `json:"title"`
	Question  string                    `json:"question,omitempty"`
	Caveat    string                    `json:"caveat,omitempty"`
	Steps     []string                  `json:"steps"`
	Summaries []string                  `json:"summaries"` // of the model of each row
	Outcomes  map[report.Outcome]string `json:"outcomes"`
	Reasons   map[string]reasonWords    `json:"reasons"`
	NotRun    []string                  `json:"not_run"`
}

// reasonWords are what decided, in a word and in a sentence.
type reasonWords struct {
	Word    string `json:"word"`
	Meaning string `json:"meaning"`
}

// ForPage returns, as JSON, what a page shows of the comparison, in these languages.
func (c Comparison) ForPage(languages ...string) (json.RawMessage, error) {
	p := comparedPage{Scenario: c.Scenario, Columns: []columnOnPage{}, Rows: []rowOnPage{}, Words: map[string]comparedWords{}}
	columns := c.columns()
	for _, k := range columns {
		p.Columns = append(p.Columns, columnOnPage{k.stream, k.experiment})
	}
	for _, m := range c.ran() {
		row := rowOnPage{Name: m.choice(), Model: m.Model, Products: m.products()}
		for _, k := range columns {
			row.Cells = append(row.Cells, m.at(k).onPage())
		}
		p.Rows = append(p.Rows, row)
	}
	p.Outcomes, p.Reasons = c.met()
	for _, name := range languages {
		l, err := say.Speak(name)
		if err != nil {
			return nil, err
		}
		p.Words[name] = c.wordsIn(l)
	}
	return json.Marshal(p)
}

// ran returns the models under which the scenario ran.
func (c Comparison) ran() (list []Under) {
	for _, m := range c.Models {
		if m.report != nil {
			list = append(list, m)
		}
	}
	return list
}

// choice returns what was asked for: the product or the model.
func (u Under) choice() string {
	if u.Product != nil {
		return *u.Product
	}
	return u.Model
}

// products returns the aliases of the products for which the model stands, if it was named itself.
func (u Under) products() []string {
	list := []string{}
	for _, p := range enforce.Products() {
		if u.Product != nil || !p.Playable() {
			continue
		}
		if its, err := enforce.Parse(p.Alias); err == nil && enforce.Notation(its.Model) == u.Model {
			list = append(list, p.Alias)
		}
	}
	return list
}

func (s *underStream) onPage() *cellOnPage {
	if s == nil {
		return nil
	}
	sign, style := s.sign()
	tone := map[string]tone{green: good, red: bad}[style]
	if tone == "" {
		tone = doubtful
	}
	return &cellOnPage{s.Observed, sign, tone, s.Sent, s.Received, s.word(), s.Grade == report.Observed}
}

// wordsIn returns the words of the comparison in a language.
func (c Comparison) wordsIn(l *say.Language) comparedWords {
	w := comparedWords{
		Title: l.Text(c.Title), Question: l.Text(c.Question), Steps: []string{}, Summaries: []string{},
		Outcomes: map[report.Outcome]string{}, Reasons: map[string]reasonWords{}, NotRun: []string{},
	}
	if c.Target == timeline.InMemory {
		w.Caveat = simulatedCaveat().In(l)
	}
	for _, x := range c.steps {
		w.Steps = append(w.Steps, l.Text(x.Title))
	}
	for _, m := range c.ran() {
		w.Summaries = append(w.Summaries, m.summary().In(l))
	}
	outcomes, reasons := c.met()
	for _, o := range outcomes {
		w.Outcomes[o] = o.In(l)
	}
	for _, r := range reasons {
		w.Reasons[r] = reasonWords{whyIn(r).In(l), meaning(r).In(l)}
	}
	for _, m := range c.notRun() {
		w.NotRun = append(w.NotRun, m.In(l))
	}
	return w
}

// summary says what the model does to a known flow.
func (u Under) summary() say.Sentence {
	its, err := enforce.Parse(u.Model)
	if err != nil {
		return say.Sentence{}
	}
	for _, d := range enforce.Descriptions() {
		if d.Name == its.Traits().Name {
			return d.Summary
		}
	}
	return say.Sentence{}
}
