package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"lablab/say"
	"lablab/timeline"
)

// Read reads a record, or the record inside a page.
func Read(r io.Reader) ([]timeline.Event, error) {
	const doctype = "<!doctype html>"
	b := bufio.NewReader(r)
	begins, _ := b.Peek(len(doctype))
	if string(begins) != doctype {
		return timeline.Read(b)
	}
	page, err := io.ReadAll(b)
	if err != nil {
		return nil, say.Errorf("read page: %w", err)
	}
	_, rest, found := bytes.Cut(page, []byte(`<script type="application/json" id="record">`))
	record, _, ends := bytes.Cut(rest, []byte("</script>"))
	if !found || !ends {
		return nil, say.New("read page: it contains no record")
	}
	var events []timeline.Event
	if err := json.Unmarshal(record, &events); err != nil {
		return nil, say.Errorf("read page: %w", err)
	}
	if err := timeline.Check(events); err != nil {
		return nil, say.Errorf("read page: %w", err)
	}
	return events, nil
}
