package lab

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/timeline"
)

// What a pulse reports, tick by tick: by the clock that goes on while the machine is asleep, and by
// the one that does not.
func TestPulse(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	type tick struct{ all, awake time.Duration }
	repeat := func(n int, what tick) (ticks []tick) {
		for range n {
			ticks = append(ticks, what)
		}
		return ticks
	}
	for name, c := range map[string]struct {
		ticks []tick
		want  []timeline.Halted
	}{
		"in time":                   {repeat(1000, tick{20 * ms, 20 * ms}), nil},
		"two at once after a delay": {repeat(1000, tick{10 * ms, 10 * ms}), nil},
		"a little late, always":     {repeat(1000, tick{24 * ms, 24 * ms}), nil},
		"stopped":                   {[]tick{{20 * ms, 20 * ms}, {1320 * ms, 1320 * ms}, {20 * ms, 20 * ms}}, []timeline.Halted{{For: 1300 * ms, Within: 1320 * ms}}},
		"asleep":                    {[]tick{{3600_000 * ms, 70 * ms}}, []timeline.Halted{{For: 3599_980 * ms, Within: 3600_000 * ms, Asleep: 3599_930 * ms}}},
		"no processor":              {repeat(5, tick{120 * ms, 120 * ms}), []timeline.Halted{{For: 300 * ms, Within: 360 * ms}}},
		"twice": {
			[]tick{{520 * ms, 520 * ms}, {20 * ms, 20 * ms}, {620 * ms, 620 * ms}},
			[]timeline.Halted{{For: 500 * ms, Within: 520 * ms}, {For: 600 * ms, Within: 620 * ms}},
		},
		"delays far from each other": {
			[]tick{{150 * ms, 150 * ms}, {20 * ms, 20 * ms}, {150 * ms, 150 * ms}},
			[]timeline.Halted{{For: 260 * ms, Within: 320 * ms}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := clocks{awake: time.Hour, all: 2 * time.Hour}
			p := newPulse(at)
			var got []timeline.Halted
			for _, tick := range c.ticks {
				at.all, at.awake = at.all+tick.all, at.awake+tick.awake
				if h := p.tick(at); h.For > 0 {
					got = append(got, h)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("want, got:", diff)
			}
		})
	}
}
