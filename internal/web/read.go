package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"lablab/say"
	"lablab/timeline"
)

// recordBegins is what a page has before its record.
const recordBegins = `<script type="application/json" id="record">`

// Read reads a record, or the record inside a page.
func Read(r io.Reader) ([]timeline.Event, error) {
	const doctype = "<!doctype html>"
	b := bufio.NewReader(r)
	begins, _ := b.Peek(len(doctype))
	if string(begins) != doctype {
		return timeline.Read(b)
	}
	events, err := readPage(b)
	if err == nil {
		err = timeline.Check(events)
	}
	if err != nil {
		return nil, say.Errorf("read page: %w", err)
	}
	return events, nil
}

// readPage reads the events of a page one by one, so that a file of any size takes the memory of its
// events only.
func readPage(page *bufio.Reader) ([]timeline.Event, error) {
	switch found, err := skipPast(page, recordBegins); {
	case err != nil:
		return nil, err
	case !found:
		return nil, say.New("it contains no record")
	}
	const longest = 64 << 20                       // bytes of an event, as in a record
	limited := &io.LimitedReader{R: page, N: 4096} // before the first
	record := json.NewDecoder(limited)
	if begin, err := record.Token(); err != nil || begin != json.Delim('[') {
		return nil, say.New("its record is not a list")
	}
	var events []timeline.Event
	for record.More() {
		limited.N = longest
		var e timeline.Event
		if err := record.Decode(&e); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) && limited.N == 0 {
				err = say.Errorf("an event is longer than %d MB", longest>>20)
			}
			return nil, err
		}
		events = append(events, e)
	}
	if _, err := record.Token(); err != nil { // the closing bracket
		return nil, err
	}
	if rest, _ := io.ReadAll(io.LimitReader(io.MultiReader(record.Buffered(), page), 64)); !bytes.HasPrefix(bytes.TrimSpace(rest), []byte("</script>")) {
		return nil, say.New("something follows its record")
	}
	return events, nil
}

// skipPast reads until a text has passed, and reports whether it did.
func skipPast(r *bufio.Reader, text string) (bool, error) {
	for {
		window, err := r.Peek(r.Size())
		if i := bytes.Index(window, []byte(text)); i >= 0 {
			_, err := r.Discard(i + len(text))
			return err == nil, err
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		_, _ = r.Discard(len(window) - len(text) + 1) // it may have begun
	}
}
