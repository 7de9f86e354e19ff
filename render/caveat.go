package render

import (
	"lablab/report"
	"lablab/say"
)

// caveats says how a run differs from one on a kernel, in real time.
func caveats(r *report.Report) (list []say.Sentence) {
	if r.Simulated() {
		list = append(list, say.F("Simulated: no kernel was involved. This shows how Linux is known to behave, and proves nothing."))
	}
	if r.TimeScale > 0 {
		list = append(list, say.F("Time-lapse: waits and idle timeouts are multiplied by %v.", r.TimeScale))
	}
	return list
}

// ranOn says what a run ran on.
func ranOn(r *report.Report) say.Sentence {
	if r.Simulated() {
		return say.F("no kernel (simulated)")
	}
	return say.Text(r.Kernel)
}
