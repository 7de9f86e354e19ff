package kept_test

import (
	"os"
	"path/filepath"
	"testing"

	"lablab/internal/control"
	"lablab/internal/nstest"
	"lablab/report"
	"lablab/timeline"
)

// A record that is ended while the lab goes on has the entries as they are then, whole, and so has
// that of a lab that ends.
func TestRecordHasTheLastEntries(t *testing.T) {
	t.Parallel()
	k := keep(t, nstest.LabBuilder(t), "last-entries")
	files := []string{filepath.Join(t.TempDir(), "interrupted.jsonl"), filepath.Join(t.TempDir(), "ended.jsonl")}
	interrupted, ended := k.begin("record", nil, files[0]), k.begin("record", nil, files[1])
	for _, d := range []*daemon{interrupted, ended} {
		d.says(t, "press Ctrl-C to stop")
	}
	k.allow("tcp", "80")
	lab := control.Dial(k.directory, k.name)
	defer lab.Close()
	if _, err := lab.StartStream(t.Context(), control.StreamStart{Protocol: "tcp", From: "B", To: "A", Port: 80}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection", func() bool {
		flows, err := lab.Flows(t.Context(), "A")
		return err == nil && len(flows) == 1 && flows[0].TCPState == "ESTABLISHED"
	})
	interrupted.end()
	k.must("down")
	ended.wait(t)
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		events, err := timeline.Read(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		flows := report.Of(events).Flows
		for _, f := range flows {
			if f.TCPState != "ESTABLISHED" || f.Packets == 0 || f.ReplyPackets == 0 || f.AdmittedBy == nil {
				t.Errorf("%s: %+v", filepath.Base(file), f)
			}
		}
		if len(flows) != 2 {
			t.Errorf("%s: %d entries at the end, want one at each host", filepath.Base(file), len(flows))
		}
	}
}
