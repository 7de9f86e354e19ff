package sim

import (
	"lablab/scenario"
	"lablab/timeline"
)

// forge sends a datagram in the name of another host, and lets it arrive.
func (s *session) forge(a scenario.Forge) error {
	on, err := s.host(a.On)
	if err != nil {
		return err
	}
	const header = 8 // bytes, of UDP
	p := &datagram{Header: a.Packet(s.described)}
	p.size = headerSize(p.Source.Is6()) + header + p.Length
	p.stream = &stream{session: s, from: on, key: p.Key(), stopped: true} // which has no name, and waits for nothing
	s.log.Append(timeline.Forged{Host: a.On, Packet: p.Header})
	on.send(p)
	s.pass(enough)
	return nil
}

// expects reports whether a stream of the host has a socket that a datagram is for: its client has
// connected that to where the datagram is from.
func (h *host) expects(p *datagram) bool {
	s := h.byKey[p.Key().Reversed()]
	return s != nil && s.from == h && !s.stopped
}
