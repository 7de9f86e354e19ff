package timeline

// Losses are how many messages from the kernel were lost, of each kind and host.
type Losses map[loss]int

// A loss is what Missed events count together.
type loss struct {
	host string
	what Evidence
}

// Add takes the next event that reports a loss. Earlier ones may have been forgotten: the total of
// this one includes them.
func (l Losses) Add(m Missed) {
	key := loss{m.Host, m.What}
	l[key] = max(l[key]+max(m.Count, 1), m.Total)
}

// Of returns how many messages of a kind were lost.
func (l Losses) Of(what Evidence) (n int) {
	for key, lost := range l {
		if key.what == what {
			n += lost
		}
	}
	return n
}
