package control

import (
	"net/url"
	"strconv"
	"time"

	"lablab/say"
	"lablab/timeline"
)

// after is the number of the event behind which a watcher wants to begin: that of the
// query's after=, or of the newest if that is "now". With started= it says to which
// timeline that event belongs; if it is another, or has forgotten what comes next, the
// watcher is given this one from its beginning. It comes back, so it is not to be given
// anything with gaps later either: that is what whole says.
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

// missed is how many verdicts and events were not heard, as far as that is remembered.
func (k *kept) missed() (n int) {
	for _, e := range k.log.Events() {
		if m, missed := e.Body.(timeline.Missed); missed {
			n += m.Count
		}
	}
	return n
}
