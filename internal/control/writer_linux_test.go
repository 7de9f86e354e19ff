package control

import (
	"bufio"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"lablab/render"
	"lablab/sg"
	"lablab/timeline"
)

// A client that wants to know what events mean learns it after them; one that comes back later learns
// what it does not know.
func TestEventWriterNarrates(t *testing.T) {
	log := timeline.NewLog()
	rule := timeline.Rule{Number: 1, Group: "lab", Rule: sg.Rule{ID: "icmp"}}
	for _, body := range []timeline.Body{
		timeline.Begun{}, timeline.RuleAuthorized{Rule: rule}, timeline.Ready{}, timeline.RuleRevoked{Rule: rule},
		timeline.GroupsChanged{Host: "A"}, timeline.RuleRevoked{Rule: rule}, timeline.Ended{},
	} {
		log.Append(body)
	}
	for after, want := range map[uint64][][2]uint64{0: {{4, 0}, {5, 1}, {6, 0}}, 4: {{5, 1}, {6, 0}}, 7: nil} {
		w := httptest.NewRecorder()
		events := newEventWriter(w)
		if err := events.narrate(log, after); err != nil {
			t.Fatal(err)
		}
		if over := events.writeAll(log.SubscribeAfter(t.Context(), after)); over != (after < 7) {
			t.Errorf("after %d: over is %v", after, over)
		}
		subtitles, captions := 0, [][2]uint64(nil)
		for lines := bufio.NewScanner(w.Body); lines.Scan(); {
			var l struct {
				Seq       uint64
				Narration render.Narration
			}
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
				t.Fatalf("%s: %v", lines.Text(), err)
			}
			subtitles += len(l.Narration.Subtitles)
			captions = append(captions, l.Narration.Captions...)
		}
		if subtitles != 2 || len(captions) != len(want) {
			t.Fatalf("after %d: %d subtitles, captions %v, want %v", after, subtitles, captions, want)
		}
		for i := range want {
			if captions[i] != want[i] {
				t.Errorf("after %d: captions %v, want %v", after, captions, want)
			}
		}
	}
}
