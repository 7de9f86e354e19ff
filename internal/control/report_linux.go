package control

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// An explained caches the report of a timeline for all clients. It is made again after new events,
// but at most once per second, and less often for a long timeline.
type explained struct {
	mu     sync.Mutex
	known  *report.Builder
	events int       // number of events that it has seen
	last   uint64    // number of the last event that it covers
	due    time.Time // when it may be made again
	report *report.Report
	texts  map[string][]byte // as JSON, by the language of the words
}

// of returns the report, as JSON, of everything up to the request or later. It includes the words
// in a language, if one is named.
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

// ending returns the report of a timeline that has ended, with its words in every language.
func (k *kept) ending() (render.Translated, error) {
	x := &k.report
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.last < k.log.Last() {
		x.make(k.log)
	}
	return render.In(x.report, say.Languages()...)
}

// make makes the report. The caller holds x.mu.
func (x *explained) make(log *timeline.Log) {
	const (
		often = time.Second
		share = 10          // makes the report take at most 1/share of the time
		most  = 2 * logKept // events to remember: the log forgets the older ones too
	)
	began := time.Now()
	var lost report.Missed // earlier packets, which may be forgotten, showed it
	if x.report != nil {
		lost = x.report.Missed
	}
	if x.known == nil || x.events > most || !log.Has(x.last) {
		x.known, x.events, x.last = report.NewBuilder(), 0, 0
	}
	for _, e := range log.After(x.last) {
		x.known.Add(e)
		x.events, x.last = x.events+1, e.Seq
	}
	x.report, x.texts = x.known.Report(), map[string][]byte{}
	x.report.Missed.Verdicts = max(x.report.Missed.Verdicts, lost.Verdicts)
	x.due = time.Now().Add(max(often, share*time.Since(began)))
}

// text returns the report as JSON. The caller holds x.mu.
func (x *explained) text(words string) ([]byte, error) {
	if text, known := x.texts[words]; known {
		return text, nil
	}
	var text bytes.Buffer
	var err error
	if words == "" {
		err = render.JSON(&text, x.report)
	} else {
		var translated render.Translated
		if translated, err = render.In(x.report, words); err == nil {
			err = json.NewEncoder(&text).Encode(translated)
		}
	}
	if err != nil {
		return nil, err
	}
	x.texts[words] = text.Bytes()
	return text.Bytes(), nil
}
