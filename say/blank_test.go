package say

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPieces(t *testing.T) {
	packet := F("Packet %s", Blank("seq"))
	for _, c := range []struct {
		sentence Sentence
		want     []string
	}{
		{F("nothing to fill in"), []string{"nothing to fill in"}},
		{F("%s was sent", packet), []string{"Packet ", "seq", " was sent"}},
		{F("%s after %s", Blank("seq"), Blank("time")), []string{"", "seq", " after ", "time", ""}},
	} {
		if diff := cmp.Diff(c.want, c.sentence.Pieces(nil)); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}
