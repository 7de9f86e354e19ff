package control

import (
	"encoding/json"
	"net/http"
	"time"

	"lablab/render"
	"lablab/report"
	"lablab/timeline"
)

// An eventWriter writes events to a client, as JSON Lines and, if the client wants to know, what
// they mean.
type eventWriter struct {
	to       *json.Encoder
	flusher  *http.ResponseController
	narrator *report.Narrator // nil if the client does not want to know
	in       *render.Interpreter
	before   report.Narration // about events that the client knows
}

func newEventWriter(to http.ResponseWriter) *eventWriter {
	return &eventWriter{to: json.NewEncoder(to), flusher: http.NewResponseController(to)}
}

// narrate makes it write what events mean, if they come after the one with that number.
func (w *eventWriter) narrate(log *timeline.Log, after uint64) error {
	in, err := render.NewInterpreter()
	if err != nil {
		return err
	}
	w.narrator, w.in = report.NewNarrator(), in
	for _, e := range log.Events() {
		if e.Seq > after {
			break
		}
		w.narrator.Add(e)
	}
	w.before = w.narrator.Said()
	w.before.Captions = nil // but later ones may share a subtitle or a line with them
	return nil
}

// writeAll writes events until they end, and reports whether the lab has ended too. It writes what
// they mean a moment later, when the kernel has reported what belongs to them.
func (w *eventWriter) writeAll(events <-chan timeline.Event) (over bool) {
	const moment = 50 * time.Millisecond
	if w.put(w.before) != nil {
		return false
	}
	var due <-chan time.Time
	for {
		select {
		case e, more := <-events:
			// Flush all waiting events at once.
			for waiting := true; more && waiting; {
				if w.event(e) != nil {
					return false
				}
				_, over = e.Body.(timeline.Ended)
				select {
				case e, more = <-events:
				default:
					waiting = false
				}
			}
			if !more {
				return w.meaning() == nil && over
			}
			if due == nil && w.narrator != nil {
				due = time.After(moment)
			}
		case <-due:
			due = nil
			if w.meaning() != nil {
				return false
			}
		}
		if w.flusher.Flush() != nil {
			return false
		}
	}
}

func (w *eventWriter) event(e timeline.Event) error {
	if w.narrator != nil {
		w.narrator.Add(e)
	}
	return w.to.Encode(e)
}

// meaning writes what the events mean, as far as it has not been written.
func (w *eventWriter) meaning() error {
	if w.narrator == nil {
		return nil
	}
	return w.put(w.narrator.Said())
}

func (w *eventWriter) put(said report.Narration) error {
	if said.Empty() {
		return nil
	}
	return w.to.Encode(map[string]any{"narration": w.in.Put(said)})
}
