package view

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"lablab/packet"
	"lablab/say"
)

// Ports that streams of TCP and UDP go to unless the chosen rule is about others: those
// of SSH and DNS.
const (
	tcpPort = 22
	udpPort = 53
)

// A prompt asks where a stream of TCP or UDP is to go.
type prompt struct {
	protocol string // "tcp" or "udp"
	from, to int    // places of the hosts
	port     string
	fresh    bool // nothing was typed yet: a digit takes the place of the port
	wrong    bool // that is no port
}

// prompts begins to ask, with a suggestion.
func (m *model) prompts(protocol string, port int) {
	if len(m.live.hosts) < 2 {
		m.live.tell(yellow, "a stream needs two hosts")
		return
	}
	if i := m.chosenRule(); i >= 0 {
		port = m.shown().rules[i].port(protocol, port)
	}
	m.prompt = &prompt{protocol: protocol, from: 1, to: 0, port: strconv.Itoa(port), fresh: true}
}

// port is the first port that the rule is about, if it is about that protocol's.
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

// answer takes a key while a stream's port is asked for.
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

// turn goes on to the next pair of hosts; of two, that is the other way round.
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

// line is what is asked.
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
