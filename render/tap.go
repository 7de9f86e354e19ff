package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"lablab/report"
	"lablab/say"
)

// tap writes a test point for each prediction in TAP version 13 (testanything.org), with a YAML
// block that explains each failure.
func (r Runs) tap(w io.Writer) error {
	var b bytes.Buffer
	n := 0
	for _, result := range r.Results {
		fmt.Fprintf(&b, "# %s: %s\n", result.Name(), oneLine(result.Title))
		for _, caveat := range caveats(result.Report) {
			fmt.Fprintf(&b, "# %s\n", caveat)
		}
		for _, p := range result.Points() {
			n++
			result.tapPoint(&b, n, p)
		}
	}
	plan := fmt.Sprintf("TAP version 13\n1..%d", n)
	switch {
	case len(r.Results) == 0:
		plan += " # SKIP no scenario was run"
	case n == 0:
		plan += " # SKIP no predictions"
	}
	if _, err := fmt.Fprintf(w, "%s\n%s", plan, say.Printable(b.String())); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

func (r Result) tapPoint(b *bytes.Buffer, n int, p report.Point) {
	name := tapText(r.Scenario + ": " + p.Name())
	switch {
	case !p.Skipped.Empty():
		fmt.Fprintf(b, "ok %d - %s # SKIP %s\n", n, name, p.Skipped)
		return
	case p.Held:
		fmt.Fprintf(b, "ok %d - %s\n", n, name)
		return
	}
	fmt.Fprintf(b, "not ok %d - %s\n  ---\n", n, name)
	yaml(b, "  message", p.Failure().String())
	if !p.Predicted.Empty() {
		yaml(b, "  predicted", p.Predicted.String())
		yaml(b, "  observed", p.Observed.String())
	}
	if place := r.Place(p); place != "" {
		yaml(b, "  at", place)
	}
	fmt.Fprintln(b, "  why:")
	for _, w := range r.WhyOf(p) {
		for _, sentence := range w.Sentences {
			fmt.Fprintf(b, "    - %s\n", quoted(fmt.Sprintf("%s: %s", w.Subject, sentence)))
		}
	}
	fmt.Fprintln(b, "  ...")
}

// yaml writes a key and its value. A JSON string is also a YAML string.
func yaml(b *bytes.Buffer, key, value string) { fmt.Fprintf(b, "%s: %s\n", key, quoted(value)) }

func quoted(s string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(say.JSON(&b))
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // encoding a string cannot fail
	return strings.TrimSpace(b.String())
}

// tapText returns a description that contains no TAP directive.
func tapText(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(oneLine(s), `\`, `\\`), "#", `\#`)
}

// oneLine returns s with each run of white space, line ends included, as one blank.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
