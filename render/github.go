package render

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"lablab/report"
	"lablab/say"
)

// SummarySize is how many bytes GitHub accepts as the summary of a step.
const SummarySize = 1 << 20

// Annotate writes a GitHub workflow command for each prediction that did not hold: an error, or a
// warning if it was not judged. GitHub shows it at its line of the scenario file. File names are relative to root, the directory of the checkout.
func (r Runs) Annotate(w io.Writer, root string) error {
	var b strings.Builder
	for _, result := range r.Results {
		for _, p := range result.Points() {
			switch {
			case p.Failed():
				b.WriteString(annotation("error", p.Failure(), result.Report, p, root, r.Language))
			case p.Unjudged():
				b.WriteString(annotation("warning", p.Reason(), result.Report, p, root, r.Language))
			}
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return say.Errorf("write annotations: %w", err)
	}
	return nil
}

func annotation(command string, what say.Sentence, r *report.Report, p report.Point, root string, l *say.Language) string {
	var properties []string
	add := func(key, value string) {
		properties = append(properties, key+"="+property.Replace(say.Printable(value)))
	}
	if r.File != "" {
		add("file", from(root, r.File))
	}
	if r.File != "" && p.Line > 0 {
		add("line", fmt.Sprint(p.Line))
		if p.Column > 0 {
			add("col", fmt.Sprint(p.Column))
		}
	}
	add("title", fmt.Sprintf("%s: %s", r.Scenario, r.Verdict().In(l)))
	words := []string{what.In(l)}
	for _, w := range r.WhyOf(p) {
		words = append(words, w.Subject.In(l))
		for _, sentence := range w.Sentences {
			words = append(words, "- "+sentence.In(l))
		}
	}
	return fmt.Sprintf("::%s %s::%s\n", command, strings.Join(properties, ","), message.Replace(say.Printable(strings.Join(words, "\n"))))
}

// Characters that the runner interprets, escaped as in its own toolkit.
var (
	message  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// from returns the name of a file relative to root, if it is below root.
func from(root, file string) string {
	absolute, err := filepath.Abs(file)
	if root == "" || err != nil {
		return file
	}
	relative, err := filepath.Rel(root, absolute)
	if err != nil || !filepath.IsLocal(relative) {
		return file
	}
	return filepath.ToSlash(relative)
}
