package cli

import (
	"errors"
	"os"

	"lablab/say"
	"lablab/timeline"
)

// A recordFile is the file of a record, which is written event by event; nil records nothing.
type recordFile struct {
	file *os.File
	kept int // events that were written
}

// Write writes one event.
func (r *recordFile) Write(line []byte) (int, error) {
	n, err := r.file.Write(line)
	if err == nil {
		r.kept++
	}
	return n, err
}

// failed adds to an error what was kept. A record may end anywhere; its readers notice.
func (r *recordFile) failed(err error) error {
	hint := say.F("the record is empty")
	if r.kept > 0 {
		hint = say.F("the record has %s: lablab report %s", say.N(r.kept, "the first event", "the first %d events"), r.file.Name())
	}
	return &brokenError{err, hint}
}

// write records every event until the channel closes. It writes each line at once, so the record of
// a killed run is complete up to that moment.
func (r *recordFile) write(events <-chan timeline.Event) error {
	if r == nil {
		for range events {
		}
		return nil
	}
	err := timeline.Write(r, events)
	if err := errors.Join(err, r.file.Close()); err != nil {
		return r.failed(say.Errorf("write record: %w", err))
	}
	return nil
}
