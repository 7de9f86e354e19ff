package timeline_test

import (
	"bytes"
	"context"
	"fmt"

	"lablab/packet"
	"lablab/timeline"
)

// A record is written while things happen, and can be read anywhere.
func Example() {
	log := timeline.NewLog()
	log.Append(timeline.Begun{Scenario: "ping", Hosts: []timeline.Host{{Name: "A"}, {Name: "B"}}})
	log.Append(timeline.StreamStarted{Stream: "1", Protocol: packet.ICMP, From: "B", To: "A"})
	log.Append(timeline.Sent{Stream: "1", Seq: 1})
	log.Append(timeline.Ended{})

	var record bytes.Buffer
	if err := timeline.Write(&record, log.Subscribe(context.Background())); err != nil {
		fmt.Println(err)
		return
	}
	events, err := timeline.Read(&record)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range events {
		switch body := e.Body.(type) {
		case timeline.StreamStarted:
			fmt.Printf("%d: stream %s from %s to %s\n", e.Seq, body.Stream, body.From, body.To)
		case timeline.Sent:
			fmt.Printf("%d: packet %d of stream %s\n", e.Seq, body.Seq, body.Stream)
		}
	}
	// Output:
	// 2: stream 1 from B to A
	// 3: packet 1 of stream 1
}
