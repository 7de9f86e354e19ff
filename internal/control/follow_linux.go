package control

import (
	"net/url"
	"strconv"
	"time"

	"lablab/say"
	"lablab/timeline"
)

// after returns the number of the event after which a client wants to start: the query's after=, or
// the newest event if that is "now". The parameter started= names the timeline of that event. If
// the timeline is another, or has forgotten the next event, the client gets this one from its
// beginning. A client that sends started= is reconnecting and must not get gaps later either; whole
// says so.
func (k *kept) after(query url.Values) (number uint64, whole bool, err error) {
	switch text := query.Get("after"); text {
	case "":
		return 0, false, nil
	case "now":
		return k.log.Last(), false, nil
	default:
		if number, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, false, say.Errorf("after=%q is neither an event number nor \"now\"", text)
		}
	}
	if !query.Has("started") {
		return number, false, nil
	}
	started, err := time.Parse(time.RFC3339Nano, query.Get("started"))
	if err != nil {
		return 0, false, say.Errorf("started=%q is not a time", query.Get("started"))
	}
	if !started.Equal(k.started) || !k.log.Has(number) {
		return 0, true, nil
	}
	return number, true, nil
}

// missed returns the number of verdicts and events lost since the lab began.
func (k *kept) missed() int {
	lost := timeline.Losses{}
	for _, e := range k.log.Events() {
		if m, missed := e.Body.(timeline.Missed); missed {
			lost.Add(m)
		}
	}
	return lost.Of(timeline.MissedVerdicts) + lost.Of(timeline.MissedEvents)
}
