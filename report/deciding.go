package report

// Deciding returns what decided about a stream in an experiment: what dropped its last packet, or
// the reply to that; or, where that was answered, what accepted the packet at its destination.
func (r *Report) Deciding(stream string, experiment int) (v VerdictRange, found bool) {
	s, x := r.Stream(stream), r.Experiment(experiment)
	if s == nil || x == nil {
		return v, false
	}
	first, last := 0, 0
	var outcome Outcome
	for _, p := range s.Packets {
		if p.Experiment != experiment {
			continue
		}
		if first == 0 {
			first = p.Seq
		}
		last, outcome = p.Seq, p.Outcome
	}
	answered := outcome == Replied || outcome == Late || outcome == Reset
	for _, decided := range s.Verdicts {
		switch {
		case decided.Last < first || decided.First > last, answered != (decided.Verdict == "accept"):
		case answered && (decided.Host != s.To || decided.Packet != "request"):
		case !found, decided.Last >= v.Last:
			v, found = decided, true
		}
	}
	return v, found
}
