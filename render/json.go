package render

import (
	"encoding/json"
	"io"

	"lablab/report"
	"lablab/say"
)

// JSON writes a report or a check as one JSON object.
func JSON[R report.Report | Check](w io.Writer, r *R) error {
	encoder := json.NewEncoder(say.JSON(w))
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}
