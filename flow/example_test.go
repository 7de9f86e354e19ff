package flow_test

import (
	"encoding/json"
	"fmt"

	"lablab/flow"
)

// An entry, as timelines and the API of a lab have it.
func ExampleEntry() {
	const text = `{
		"id": 7, "status": ["SEEN_REPLY"], "tcp_state": "ESTABLISHED", "timeout_ns": 432000000000000, "mark": 2,
		"orig":  {"protocol": 6, "source": "10.0.0.1", "destination": "10.0.0.2", "source_port": 40000, "destination_port": 22},
		"reply": {"protocol": 6, "source": "10.0.0.2", "destination": "10.0.0.1", "source_port": 22, "destination_port": 40000},
		"sent": {"packets": 12, "bytes": 3210}, "got": {"packets": 10, "bytes": 2345}
	}`
	var entry flow.Entry
	if err := json.Unmarshal([]byte(text), &entry); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(entry.Orig, entry.TCP)
	fmt.Printf("admitted by rule number %d; %s left\n", entry.Mark, entry.Timeout)
	// Output:
	// tcp 10.0.0.1:40000 > 10.0.0.2:22 ESTABLISHED
	// admitted by rule number 2; 120h0m0s left
}
