package view

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"lablab/internal/control"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// A model is the state of the view: the picture of the lab, and what the user has chosen.
type model struct {
	Options
	live   *picture
	frozen *picture // shown instead of live, or nil

	width, height int
	focus         focus
	rule          string   // key of the chosen rule
	entry         entryKey // the chosen entry
	help          bool
	prompt        *prompt // the open prompt, or nil

	changes []tea.Cmd // changes that keys requested and that have not finished; the first is running
	asking  bool      // a query is in progress
	due     bool      // an event calls for a query soon
	asked   time.Time
}

// The focus is the list in which up and down move.
type focus int

const (
	onRules focus = iota
	onEntries
)

// How often to query the lab: once a second, and soon after a change.
const (
	often = time.Second
	soon  = 200 * time.Millisecond
)

// patienceForLab is how long the lab may take to respond.
const patienceForLab = 5 * time.Second

type (
	// An eventsMsg holds the timeline's next events.
	eventsMsg []timeline.Event
	// A tickMsg says what time it is.
	tickMsg time.Time
	// The answers are the results of a query.
	answers struct {
		at       time.Time
		status   control.Status
		flows    []control.Flow
		counters map[string][]timeline.Counter
		err      error
	}
	// A doneMsg is the result of a change that a key requested.
	doneMsg struct {
		what say.Sentence
		err  error
	}
)

func newModel(o Options) *model {
	m := &model{Options: o, live: newPicture(control.Status{}), width: 80, height: 24, due: true}
	m.live.now = time.Now()
	m.live.status.Name = o.Name
	return m
}

func tick() tea.Cmd {
	return tea.Tick(soon, func(t time.Time) tea.Msg { return tickMsg(t) })
}

// Init sends the first query to the lab.
func (m *model) Init() tea.Cmd { return tea.Batch(tick(), m.ask(time.Now())) }

// Update handles a message.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tickMsg:
		now := time.Time(msg)
		m.live.now = now
		if since := now.Sub(m.asked); !m.asking && (since >= often || m.due && since >= soon) {
			return m, tea.Batch(tick(), m.ask(now))
		}
		return m, tick()
	case eventsMsg:
		for _, e := range msg {
			m.due = m.live.add(e) || m.due
			if hosts := m.live.hosts; m.live.news == nil && len(hosts) > 1 {
				m.live.announce(plain, "in another terminal: lablab exec%s %s -- ping %s", m.Flag, hosts[1].Name, hosts[0].Name)
			}
		}
	case answers:
		m.asking = false
		if msg.err != nil {
			m.live.announce(red, "%v", msg.err)
			break
		}
		m.live.answered(msg)
	case doneMsg:
		m.due = true
		if msg.err != nil {
			m.live.announce(red, "%s: %v", msg.what, msg.err)
		}
		if m.changes = m.changes[1:]; len(m.changes) > 0 {
			return m, m.changes[0]
		}
	case tea.KeyPressMsg:
		return m, m.press(msg.String())
	}
	return m, nil
}

// View draws the screen.
func (m *model) View() tea.View {
	v := tea.NewView(m.screen())
	v.AltScreen = true
	v.WindowTitle = say.Line("lablab " + m.Name)
	return v
}

// shown returns the picture that is on the screen.
func (m *model) shown() *picture {
	if m.frozen != nil {
		return m.frozen
	}
	return m.live
}

// ask queries the lab for what events do not contain.
func (m *model) ask(now time.Time) tea.Cmd {
	m.asking, m.due, m.asked = true, false, now
	lab := m.Lab
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), patienceForLab)
		defer cancel()
		a := answers{counters: map[string][]timeline.Counter{}}
		if a.status, a.err = lab.Status(ctx); a.err != nil {
			return a
		}
		if a.flows, a.err = lab.Flows(ctx, ""); a.err != nil {
			return a
		}
		for _, h := range a.status.Hosts {
			var rules control.Ruleset
			if rules, a.err = lab.Rules(ctx, h.Name); a.err != nil {
				return a
			}
			a.counters[h.Name] = rules.Counters
		}
		a.at = time.Now()
		return a
	}
}

// do queues a change, which runs once those before it have finished.
func (m *model) do(what say.Sentence, change func(context.Context) error) tea.Cmd {
	m.changes = append(m.changes, func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), patienceForLab)
		defer cancel()
		return doneMsg{what, change(ctx)}
	})
	if len(m.changes) > 1 {
		return nil
	}
	return m.changes[0]
}

// press handles a key.
func (m *model) press(key string) tea.Cmd {
	if m.help && key != "q" && key != "ctrl+c" {
		m.help = false
		return nil
	}
	if m.prompt != nil {
		return m.answer(key)
	}
	switch key {
	case "q", "ctrl+c":
		return tea.Quit
	case "?", "h":
		m.help = true
	case "space", " ":
		m.freeze()
	case "tab", "shift+tab":
		m.focus = onRules + onEntries - m.focus
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "r", "a":
		return m.change(key == "a")
	case "p":
		return m.ping()
	case "t":
		m.prompts("tcp", tcpPort)
	case "u":
		m.prompts("udp", udpPort)
	case "x":
		return m.stop()
	case "c":
		return m.cut()
	}
	return nil
}

func (m *model) freeze() {
	if m.frozen != nil {
		m.frozen = nil
		return
	}
	m.frozen = m.live.clone()
}

// move chooses another rule or entry.
func (m *model) move(by int) {
	if m.focus == onRules {
		rules := m.shown().rules
		if i := step(m.chosenRule(), by, len(rules)); i >= 0 {
			m.rule = rules[i].key()
		}
		return
	}
	entries := m.shown().entries.All()
	if i := step(m.chosenEntry(), by, len(entries)); i >= 0 {
		m.entry = entries[i].id()
	}
}

func step(i, by, n int) int { return max(min(i+by, n-1), min(0, n-1)) }

// chosenRule returns the index of the chosen rule: the first if none was chosen, -1 if the list is
// empty.
func (m *model) chosenRule() int {
	rules := m.shown().rules
	i := slices.IndexFunc(rules, func(r rule) bool { return r.key() == m.rule })
	return max(i, min(0, len(rules)-1))
}

// chosenEntry returns the index of the chosen entry, likewise.
func (m *model) chosenEntry() int {
	entries := m.shown().entries.All()
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.id() == m.entry })
	return max(i, min(0, len(entries)-1))
}

// change revokes the chosen rule, or authorizes it again.
func (m *model) change(authorize bool) tea.Cmd {
	i := m.chosenRule()
	if i < 0 {
		m.live.announce(yellow, "no rule to choose")
		return nil
	}
	r := m.shown().rules[i]
	m.rule = r.key() // the rule stays chosen even if it moves
	if authorize {
		return m.do(say.F("authorize %s", r.ID), func(ctx context.Context) error {
			_, err := m.Lab.Apply(ctx, sg.Authorize{Group: r.group, IDs: []string{r.ID}})
			return inShort(err, say.New("this rule, or an identical one, is already in force"), sg.RuleNotFound, sg.Duplicate)
		})
	}
	return m.do(say.F("revoke %s", r.ID), func(ctx context.Context) error {
		_, err := m.Lab.Apply(ctx, sg.Revoke{Group: r.group, IDs: []string{r.ID}})
		return inShort(err, say.New("already revoked; a authorizes it"), sg.RuleNotFound)
	})
}

// inShort returns short, which fits in a line, instead of an EC2 error with one of these codes.
func inShort(err, short error, codes ...string) error {
	var ec2 *sg.Error
	if errors.As(err, &ec2) && slices.Contains(codes, ec2.Code) {
		return short
	}
	return err
}

// ping starts a ping from the second host to the first.
func (m *model) ping() tea.Cmd {
	hosts := m.live.hosts
	if len(hosts) < 2 {
		m.live.announce(yellow, "a stream needs two hosts")
		return nil
	}
	return m.start("icmp", hosts[1].Name, hosts[0].Name, 0)
}

// start starts a stream.
func (m *model) start(protocol, from, to string, port int) tea.Cmd {
	start := control.StreamStart{Protocol: protocol, From: from, To: to, Port: port}
	return m.do(say.As(strings.ToUpper(protocol)), func(ctx context.Context) error {
		_, err := m.Lab.StartStream(ctx, start)
		return err
	})
}

// stop stops the last running stream.
func (m *model) stop() tea.Cmd {
	for _, l := range slices.Backward(m.live.streams()) {
		if !l.Stopped && !m.live.stopping[l.Stream] {
			m.live.stopping[l.Stream] = true
			name := l.Stream
			return m.do(say.F("stop stream %s", name), func(ctx context.Context) error { return m.Lab.StopStream(ctx, name) })
		}
	}
	m.live.announce(yellow, "no stream is running: p starts a ping")
	return nil
}

// cut deletes the chosen entry.
func (m *model) cut() tea.Cmd {
	i := m.chosenEntry()
	if i < 0 {
		m.live.announce(yellow, "no entry to choose")
		return nil
	}
	e := m.shown().entries.All()[i]
	if e.Mark == Gone {
		m.live.announce(yellow, "that entry is already gone")
		return nil
	}
	key := e.Key
	return m.do(say.F("cut"), func(ctx context.Context) error {
		_, err := m.Lab.Cut(ctx, control.CutRequest{Host: e.Host, Flow: &key})
		return err
	})
}
