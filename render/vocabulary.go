package render

import (
	"lablab/report"
	"lablab/say"
)

// A vocabulary is what a page says about every packet in the same words, in pieces.
type vocabulary struct {
	Departure             []string                        `json:"departure"`
	DepartureInExperiment []string                        `json:"departure_in_experiment"`
	Outcomes              map[report.Outcome]outcomeWords `json:"outcomes"`
	Terms                 []tradeTerm                     `json:"terms"`
}

// outcomeWords are the name of an outcome, and how the story of such a packet ends.
type outcomeWords struct {
	Name string   `json:"name"`
	End  []string `json:"end"`
}

// Vocabulary returns what a page says about every packet, by language.
func (i *Interpreter) Vocabulary() any {
	return inEach(i, func(l *say.Language) vocabulary {
		from, to, at := say.Blank("from"), say.Blank("to"), say.Blank("time")
		v := vocabulary{
			say.F("Sent by %s to %s, %s after the lab started.", from, to, at).Pieces(l),
			say.F("Sent by %s to %s, %s after the run started, in experiment %s.", from, to, at, say.Blank("experiment")).Pieces(l),
			map[report.Outcome]outcomeWords{},
			termsIn(l),
		}
		for _, o := range []report.Outcome{
			report.Replied, report.Late, report.Refused, report.Stalled, report.Reset, report.Lost, report.Unsent,
			report.Waiting, report.Mixed, report.Nothing,
		} {
			v.Outcomes[o] = outcomeWords{o.In(l), end(o).Pieces(l)}
		}
		return v
	})
}

// end is how the story of a packet ends. Its blanks are the round-trip time and the error.
func end(o report.Outcome) say.Sentence {
	rtt, err := say.Blank("rtt"), say.Blank("error")
	switch o {
	case report.Replied:
		return say.F("The reply came after %s.", rtt)
	case report.Late:
		return say.F("The reply came late, after %s.", rtt)
	case report.Refused:
		return say.F("It or its reply was dropped.")
	case report.Stalled:
		return say.F("It is waiting in the connection: nothing gets through.")
	case report.Reset:
		return say.F("The sender was told that the port is closed.")
	case report.Unsent:
		return say.F("It could not be sent: %s.", err)
	case report.Lost:
		return say.F("It was neither answered nor seen dropped.")
	case report.Waiting:
		return say.F("It is still in flight.")
	}
	return say.Sentence{}
}
