package web

import (
	"fmt"
	"io"

	"lablab/render"
	"lablab/say"
)

// A ComparisonPage is the content of one HTML file that compares runs of a scenario under several
// models, and plays each like a [Page].
type ComparisonPage struct {
	// Lang is the initial language, "en" or "ja"; English if empty.
	Lang       string
	Comparison render.Comparison
	// Films are the runs under the models that could be run, in the order of the comparison.
	Films []Page
}

// Write writes the page as one file.
func (p ComparisonPage) Write(w io.Writer) error {
	if err := p.write(w); err != nil {
		return say.Errorf("write page: %w", err)
	}
	return nil
}

func (p ComparisonPage) write(w io.Writer) error {
	s, err := newShell(files, language(p.Lang), "'none'", "compare.js", "style.css", "comparison.css")
	if err != nil {
		return err
	}
	compared, err := p.Comparison.ForPage(say.Languages()...)
	if err != nil {
		return err
	}
	if s.Comparison, err = embedded(compared); err != nil {
		return err
	}
	for i, page := range p.Films {
		f, err := page.film()
		if err != nil {
			return err
		}
		f.Suffix = fmt.Sprint("-", i)
		s.Films = append(s.Films, f)
	}
	return s.write(w)
}
