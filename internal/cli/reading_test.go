package cli

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// The progress of reading appears after a second, and is gone at the end.
func TestReading(t *testing.T) {
	for name, test := range map[string]struct {
		size int64
		step time.Duration
		want string
	}{
		"quick":   {4, 100 * time.Millisecond, ""},
		"slow":    {4, time.Second, "\rreading f: 50 %\x1b[K\rreading f: 75 %\x1b[K\rreading f: 100 %\x1b[K\rreading f: 100 %\x1b[K\r\x1b[K"},
		"endless": {0, 2 * time.Second, "\rreading f: 0 MB\x1b[K\rreading f: 0 MB\x1b[K\rreading f: 0 MB\x1b[K\rreading f: 0 MB\x1b[K\r\x1b[K"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			now := time.Time{}.Add(time.Hour)
			r := &reading{from: strings.NewReader("four"), name: "f", size: test.size, to: &out, now: func() time.Time { now = now.Add(test.step); return now }}
			for b := make([]byte, 1); ; {
				if _, err := r.Read(b); errors.Is(err, io.EOF) {
					break
				}
			}
			r.end()
			if out.String() != test.want {
				t.Errorf("%q, want %q", out.String(), test.want)
			}
		})
	}
}
