package timeline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"lablab/say"
)

// A line is a recorded event as one line of JSON:
// {"seq":…,"at_ns":…,"experiment":…,"kind":"…","body":{…}}.
type line struct {
	Seq        uint64          `json:"seq"`
	At         time.Duration   `json:"at_ns"`
	Experiment int             `json:"experiment"`
	Kind       string          `json:"kind"`
	Body       json.RawMessage `json:"body"`
}

// MarshalJSON writes the event as one line of a record.
func (e Event) MarshalJSON() ([]byte, error) {
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(line{Seq: e.Seq, At: e.At, Experiment: e.Experiment, Kind: e.Body.kind(), Body: body})
}

// UnmarshalJSON reads one line of a record.
func (e *Event) UnmarshalJSON(b []byte) error {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return err
	}
	read, known := bodies[l.Kind]
	if !known {
		return say.Errorf("unknown event kind %q", l.Kind)
	}
	body, err := read(l.Body)
	if err != nil {
		return say.Errorf("event %d (%s): %w", l.Seq, l.Kind, err)
	}
	*e = Event{Seq: l.Seq, At: l.At, Experiment: l.Experiment, Body: body}
	return nil
}

var bodies = map[string]func([]byte) (Body, error){
	Begun{}.kind():           read[Begun],
	RuleAuthorized{}.kind():  readAuthorized,
	RuleRevoked{}.kind():     readRevoked,
	GroupsChanged{}.kind():   read[GroupsChanged],
	ACLChanged{}.kind():      readACL,
	Configured{}.kind():      read[Configured],
	Cut{}.kind():             read[Cut],
	CanaryDropped{}.kind():   readCanary,
	Ready{}.kind():           read[Ready],
	ExperimentBegun{}.kind(): read[ExperimentBegun],
	ExperimentEnded{}.kind(): read[ExperimentEnded],
	StreamStarted{}.kind():   read[StreamStarted],
	StreamStopped{}.kind():   read[StreamStopped],
	Sent{}.kind():            read[Sent],
	Connected{}.kind():       read[Connected],
	Unreached{}.kind():       read[Unreached],
	Ran{}.kind():             read[Ran],
	TimedOut{}.kind():        read[TimedOut],
	Halted{}.kind():          read[Halted],
	Waited{}.kind():          read[Waited],
	Forged{}.kind():          read[Forged],
	NotSent{}.kind():         read[NotSent],
	Replied{}.kind():         read[Replied],
	Judged{}.kind():          readJudged,
	EntryChanged{}.kind():    read[EntryChanged],
	Dumped{}.kind():          read[Dumped],
	Counted{}.kind():         read[Counted],
	Missed{}.kind():          read[Missed],
	Interrupted{}.kind():     read[Interrupted],
	Ended{}.kind():           read[Ended],

	PrefixListChanged{}.kind(): read[PrefixListChanged],
}

func read[B Body](b []byte) (Body, error) {
	var body B
	err := json.Unmarshal(b, &body)
	return body, err
}

// Write records events as JSON Lines as they arrive, until the channel is closed.
func Write(w io.Writer, events <-chan Event) error {
	encoder := json.NewEncoder(say.JSON(w))
	var failed error
	for e := range events {
		if failed == nil {
			failed = encoder.Encode(e)
		}
	}
	return failed
}

// Read reads a record and checks it, see [Check]. If its writer was killed, the last line may be cut
// short; Read then returns the events before it and no error.
func Read(r io.Reader) ([]Event, error) {
	const longest = 64 << 20 // bytes; room for the dump of a large conntrack table
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longest)
	var events []Event
	var broken error
	check := newChecker()
	for number := 1; lines.Scan(); number++ {
		if broken != nil {
			return nil, broken
		}
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			broken = say.Errorf("read record: line %d: %w", number, err)
			continue
		}
		if err := check.add(e); err != nil {
			return nil, say.Errorf("read record: line %d: %w", number, err)
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		return nil, say.Errorf("read record: %w", err)
	}
	var syntax *json.SyntaxError
	if broken != nil && (len(events) == 0 || !errors.As(broken, &syntax)) {
		return nil, broken
	}
	return events, nil
}
