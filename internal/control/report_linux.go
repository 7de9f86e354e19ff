package control

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// An explained timeline is the report that all who ask are given: it is made again when
// something has happened since, but once a second at most, and a long one more seldom.
type explained struct {
	mu     sync.Mutex
	last   uint64    // the event that it knows of last
	due    time.Time // when it may be made again
	report *report.Report
	texts  map[string][]byte // as it was asked for, by the language of the words
}

// of is the report of all that has happened until somebody asked, or later; together with
// its words in a language, if that is named.
func (x *explained) of(ctx context.Context, log *timeline.Log, words string) ([]byte, error) {
	asked := log.Last()
	for {
		x.mu.Lock()
		wait := time.Until(x.due)
		if x.last < asked && wait <= 0 {
			x.make(log)
		}
		if x.last >= asked {
			defer x.mu.Unlock()
			return x.text(words)
		}
		x.mu.Unlock()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ending is the report of a timeline that has ended, with its words in every language.
func (k *kept) ending() (map[string]any, error) {
	x := &k.report
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.last < k.log.Last() {
		x.make(k.log)
	}
	return x.report.InAll()
}

// make makes the report. x.mu is held.
func (x *explained) make(log *timeline.Log) {
	const (
		often = time.Second
		share = 10 // of the time, that it may take
	)
	began := time.Now()
	events := log.Events()
	x.report, x.texts, x.last = report.Of(events), map[string][]byte{}, events[len(events)-1].Seq
	x.due = time.Now().Add(max(often, share*time.Since(began)))
}

// text is the report as JSON. x.mu is held.
func (x *explained) text(words string) ([]byte, error) {
	if text, known := x.texts[words]; known {
		return text, nil
	}
	var text bytes.Buffer
	var err error
	if words == "" {
		err = report.JSON(&text, x.report)
	} else {
		var l *say.Language
		if l, err = say.Speak(words); err == nil {
			err = json.NewEncoder(&text).Encode(map[string]any{"en": x.report, words: x.report.Words(l)})
		}
	}
	if err != nil {
		return nil, err
	}
	x.texts[words] = text.Bytes()
	return text.Bytes(), nil
}
