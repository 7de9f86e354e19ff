package report_test

import (
	"fmt"
	"os"

	"lablab/report"
	"lablab/timeline"
)

// Explain a run that `lablab run --record` has recorded.
func Example() {
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
	r := report.Of(events)
	fmt.Println(r.Title, "–", r.Verdict())
	for _, s := range r.Streams {
		fmt.Printf("stream %s: %d sent, %d answered, %d dropped\n", s.Name, s.Sent, s.Received, s.Refused)
	}
	last := r.Why[len(r.Why)-1]
	fmt.Printf("%s: %s\n", last.Subject, last.Sentences[0])
	// Output:
	// An established flow outlives the rule that admitted it – held
	// stream 1: 65 sent, 65 answered, 0 dropped
	// stream 2: 46 sent, 27 answered, 19 dropped
	// In short: The rules decide on the first packet of a flow. Its conntrack entry decides on all the others.
}
