package control

import (
	"encoding/json"
	"net/http"
	"time"

	"lablab/render"
	"lablab/report"
	"lablab/timeline"
)

// A teller writes events to a client, as JSON Lines and, if the client wants to know, what they
// mean.
type teller struct {
	to       *json.Encoder
	flusher  *http.ResponseController
	narrator *report.Narrator // nil if the client does not want to know
	in       *render.Interpreter
	before   report.Narration // about events that the client knows
}

func newTeller(w http.ResponseWriter) *teller {
	return &teller{to: json.NewEncoder(w), flusher: http.NewResponseController(w)}
}

// narrate makes the teller say what events mean, if they come after the one with that number.
func (t *teller) narrate(log *timeline.Log, after uint64) error {
	in, err := render.NewInterpreter()
	if err != nil {
		return err
	}
	t.narrator, t.in = report.NewNarrator(), in
	for _, e := range log.Events() {
		if e.Seq > after {
			break
		}
		t.narrator.Add(e)
	}
	t.before = t.narrator.Said()
	t.before.Captions = nil // but later ones may share a subtitle or a line with them
	return nil
}

// tell writes events until they end, and reports whether the lab has ended too. It says what they
// mean a moment later, when the kernel has reported what belongs to them.
func (t *teller) tell(events <-chan timeline.Event) (over bool) {
	const moment = 50 * time.Millisecond
	if t.put(t.before) != nil {
		return false
	}
	var due <-chan time.Time
	for {
		select {
		case e, more := <-events:
			// Flush all waiting events at once.
			for waiting := true; more && waiting; {
				if t.event(e) != nil {
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
				return t.meaning() == nil && over
			}
			if due == nil && t.narrator != nil {
				due = time.After(moment)
			}
		case <-due:
			due = nil
			if t.meaning() != nil {
				return false
			}
		}
		if t.flusher.Flush() != nil {
			return false
		}
	}
}

func (t *teller) event(e timeline.Event) error {
	if t.narrator != nil {
		t.narrator.Add(e)
	}
	return t.to.Encode(e)
}

// meaning says what the events mean, as far as it has not been said.
func (t *teller) meaning() error {
	if t.narrator == nil {
		return nil
	}
	return t.put(t.narrator.Said())
}

func (t *teller) put(said report.Narration) error {
	if said.Empty() {
		return nil
	}
	return t.to.Encode(map[string]any{"narration": t.in.Put(said)})
}
