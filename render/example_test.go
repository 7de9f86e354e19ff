package render_test

import (
	"fmt"
	"os"

	"lablab/render"
	"lablab/timeline"
)

// Write a recorded run in one of the formats that test tools read.
func ExampleRuns_Write() {
	file, err := os.Open("../testdata/ping.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	events, err := timeline.Read(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	runs := render.Runs{Results: []render.Result{render.ResultOf(events)}}
	if err := runs.Write(os.Stdout, "tap"); err != nil {
		fmt.Println(err)
	}
	// Output:
	// TAP version 13
	// 1..6
	// # ping: An established flow outlives the rule that admitted it
	// ok 1 - ping: 1. ICMP is allowed and a ping starts: stream 1 answered
	// ok 2 - ping: 2. the ICMP rule is revoked: stream 1 answered
	// ok 3 - ping: 3. a second ping starts: stream 1 answered
	// ok 4 - ping: 3. a second ping starts: stream 2 dropped
	// ok 5 - ping: 4. the ICMP rule is restored: stream 1 answered
	// ok 6 - ping: 4. the ICMP rule is restored: stream 2 answered
}
