package control

import (
	"fmt"
	"net/http"
	"strconv"

	"lablab/timeline"
)

// after is the number of the event behind which a watcher wants to begin: that of the
// query's after=, or of the newest if that is "now".
func (s *Server) after(r *http.Request) (uint64, error) {
	switch text := r.URL.Query().Get("after"); text {
	case "":
		return 0, nil
	case "now":
		events := s.log.Events()
		if len(events) == 0 {
			return 0, nil
		}
		return events[len(events)-1].Seq, nil
	default:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("after=%q is no number of an event, and not now", text)
		}
		return n, nil
	}
}

// missed is how many verdicts and events were not heard, as far as that is remembered.
func (s *Server) missed() (n int) {
	for _, e := range s.log.Events() {
		if m, missed := e.Body.(timeline.Missed); missed {
			n += m.Count
		}
	}
	return n
}
