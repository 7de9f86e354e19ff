package view

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"lablab/packet"
	"lablab/say"
)

// The default ports of TCP and UDP streams, those of SSH and DNS. If the chosen rule has a port,
// that comes first.
const (
	tcpPort = 22
	udpPort = 53
)

// A prompt asks for the destination of a TCP or UDP stream.
type prompt struct {
	protocol string // "tcp" or "udp"
	from, to int    // indexes of the hosts
	port     string
	fresh    bool // nothing typed yet: the first digit replaces the port
	wrong    bool // the input is not a valid port
}

// prompts opens a prompt with a suggested port.
func (m *model) prompts(protocol string, port int) {
	if len(m.live.hosts) < 2 {
		m.live.announce(yellow, "a stream needs two hosts")
		return
	}
	if i := m.chosenRule(); i >= 0 {
		port = m.shown().rules[i].port(protocol, port)
	}
	m.prompt = &prompt{protocol: protocol, from: 1, to: 0, port: strconv.Itoa(port), fresh: true}
}

// port returns the rule's first port if the rule has that protocol, and otherwise the default.
func (r rule) port(protocol string, otherwise int) int {
	fields := strings.Fields(r.Text)
	if len(fields) < 2 || fields[0] != protocol || r.Direction != packet.Ingress {
		return otherwise
	}
	first, _, _ := strings.Cut(fields[1], "-")
	if n, err := strconv.Atoi(first); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// answer handles a key while the prompt is open.
func (m *model) answer(key string) tea.Cmd {
	p := m.prompt
	const digits = "0123456789"
	p.wrong = false
	switch {
	case key == "ctrl+c":
		return tea.Quit
	case key == "esc" || key == "q":
		m.prompt = nil
	case key == "tab":
		p.turn(len(m.live.hosts))
	case key == "backspace":
		p.port = p.port[:max(len(p.port)-1, 0)]
		p.fresh = false
	case len(key) == 1 && strings.Contains(digits, key):
		if p.fresh {
			p.port = ""
		}
		if p.fresh = false; len(p.port) < len("65535") {
			p.port += key
		}
	case key == "enter":
		port, err := strconv.Atoi(p.port)
		if p.wrong = err != nil || port < 1 || port > 65535; p.wrong {
			return nil
		}
		m.prompt = nil
		hosts := m.live.hosts
		return m.start(p.protocol, hosts[p.from].Name, hosts[p.to].Name, port)
	}
	return nil
}

// turn selects the next pair of hosts; with two hosts that swaps them.
func (p *prompt) turn(hosts int) {
	for {
		if p.to++; p.to == hosts {
			p.to, p.from = 0, (p.from+1)%hosts
		}
		if p.to != p.from {
			return
		}
	}
}

// line returns the prompt's text.
func (p *prompt) line(m *model) line {
	hosts := m.live.hosts
	l := words(dim, " › ").add(plain, "%s from %s to %s, port", strings.ToUpper(p.protocol), hosts[p.from].Name, hosts[p.to].Name).add(chosen, " %s▏", p.port)
	if p.wrong {
		return l.add(plain, " ").add(red, "a port is a number from 1 to 65535")
	}
	for _, k := range []keyWord{{"enter", say.F("start")}, {"tab", say.F("swap direction")}, {"esc", say.F("cancel")}} {
		l = l.add(plain, "  ").add(chosen, "%s", k.key).add(dim, " %s", k.word)
	}
	return l
}
