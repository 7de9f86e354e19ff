package scenario

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"time"

	"lablab/say"
	"lablab/sg"
)

// An Opener opens a file that a scenario refers to.
type Opener func(path string) (io.ReadCloser, error)

// Load reads a scenario file, which may be compressed with gzip or in UTF-16, and the group files that
// it refers to. If they contain mistakes, the error is a *Problems.
func Load(path string) (*Scenario, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, say.Errorf("read scenario: %w", err)
	}
	defer f.Close()
	plain, err := sg.Plain(f)
	if err != nil {
		return nil, say.Errorf("read scenario: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(plain, largest+1))
	if err != nil {
		return nil, say.Errorf("read scenario: %w", err)
	}
	return Read(path, text, Regular)
}

// Regular opens a regular file. It rejects pipes and terminals, which might never end, and what says
// that it is empty: files of the kernel, such as /proc/kmsg, do so and may wait for ever.
func Regular(path string) (io.ReadCloser, error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !about.Mode().IsRegular() {
		return nil, say.Errorf("open %s: not a regular file", path)
	}
	if about.Size() == 0 {
		return nil, say.Errorf("open %s: the file is empty", path)
	}
	return os.Open(path)
}

// Read reads a scenario. Files that it refers to are relative to path and opened with open; nil
// forbids them. The error is a *Problems that lists every mistake. Nothing has been built by then.
func Read(path string, text []byte, open Opener) (*Scenario, error) {
	c := &complaints{file: path}
	body := c.parse(text)
	if body == nil {
		return nil, c.error()
	}
	if !isMapping(body) {
		c.about(placeOf(body), "expected a scenario like `lablab show ping`, got %s", kindOf(body))
		return nil, c.error()
	}
	c.groupless = haveRulesets(body)
	var f file
	c.decode(body, reflect.ValueOf(&f).Elem())
	if open == nil {
		open = func(string) (io.ReadCloser, error) { return nil, say.New("no other files can be read here") }
	}
	w := &walk{
		complaints: c, open: open, sc: &Scenario{File: path, Account: &sg.Account{}, Timeouts: sg.Nitro()},
		hosts: map[string]*hostState{}, groups: map[string]string{},
		reported: map[string]bool{}, streams: map[string]*streamState{}, keys: map[string]Place{},
	}
	pairs, _ := (&complaints{}).pairs(body)
	for _, p := range pairs {
		w.keys[p.key] = p.at
	}
	w.unread = unreadKinds(c.list, w.keys)
	w.absent = map[string]bool{}
	w.scenario(f)
	if err := c.error(); err != nil {
		return nil, err
	}
	return w.sc, nil
}

const (
	shortest = time.Millisecond // time between two packets
	fewest   = 2                // number of hosts
	most     = 16
)

// scenario builds a scenario from the file, top to bottom.
func (w *walk) scenario(f file) {
	if f.Name.given() {
		w.isNew(f.Name.Place, say.F("a scenario"), f.Name.text)
	}
	if f.Interval.given() && f.Interval.value > 0 && f.Interval.value < shortest {
		w.about(f.Interval.Place, "the interval %s is too short: the minimum is %s", f.Interval.text, shortest)
	}
	w.sc.Name, w.sc.Title, w.sc.Question = f.Name.text, f.Title.text, f.Question.text
	w.sc.Interval, w.sc.Loose = f.Interval.value, f.TCPLoose.value
	if f.Related.given() && w.choice(say.As("related"), f.Related, "off", "pmtud", "all") && f.Related.text != "off" {
		w.sc.Related = f.Related.text
	}
	if t, ok := w.timeouts(f.Timeouts); ok {
		w.sc.Timeouts = t
	}
	w.sc.Lapse = w.lapse(f.TimeLapse)
	w.models(f.Model)
	w.network(f)
	w.prefixLists(f.PrefixLists)
	w.account(f.Groups)
	w.carriers(f.Hosts)
	w.now = w.sc.Policy()
	if at, written := w.keys["experiments"]; written && len(f.Experiments) == 0 {
		w.about(at, "the scenario has no experiments")
	}
	for _, e := range f.Experiments {
		w.sc.Experiments = append(w.sc.Experiments, w.experiment(e))
	}
	w.sc.Ask = w.between(f.Ask, say.F("the experiment to ask about"), 1, len(f.Experiments))
	if f.AskAbout.given() && w.stream(f.AskAbout) != nil {
		w.sc.AskAbout = f.AskAbout.text
	}
	w.sc.LeftOut = w.sc.leftOut(w.sc.Account)
}

// lapse reads the factor of a time-lapse.
func (w *walk) lapse(from word) float64 {
	f, err := strconv.ParseFloat(from.text, 64)
	if from.given() && !(err == nil && f > 0 && f <= 1) {
		w.about(from.Place, "the time-lapse is %s; expected a number above 0, at most 1", from.text)
	}
	return f
}

// choice reports whether a word is one of these, and records a problem if it is not.
func (w *walk) choice(what say.Sentence, is word, choices ...string) bool {
	for _, c := range choices {
		if is.text == c {
			return true
		}
	}
	w.hinted(is.Place, DidYouMean(is.text, choices), "%s %q is not valid", what, is.text)
	return false
}

// timeouts returns the timeouts of a profile, with those that the file overrides.
func (w *walk) timeouts(from timeouts) (sg.Timeouts, bool) {
	t := sg.Nitro()
	if from.Line == 0 {
		return t, false
	}
	m := from.members
	if m.Profile.given() {
		var known bool
		if t, known = sg.TimeoutsOf(m.Profile.text); !known {
			return t, w.choice(say.F("the profile"), m.Profile, sg.Nitro().Profile, sg.NitroV6().Profile)
		}
	}
	profile, ok := t.Profile, true
	for _, own := range []struct {
		what string
		span span
		to   *time.Duration
	}{
		{"icmp", m.ICMP, &t.ICMP}, {"tcp_established", m.TCPEstablished, &t.TCPEstablished}, {"udp", m.UDP, &t.UDP},
		{"udp_stream", m.UDPStream, &t.UDPStream}, {"other", m.Other, &t.Other},
	} {
		if !own.span.given() {
			continue
		}
		// The kernel counts timeouts in seconds.
		if own.span.value%time.Second != 0 {
			w.about(own.span.Place, "%s is not a whole number of seconds", own.span.text)
			ok = false
		}
		*own.to = own.span.value
		separator := ", "
		if t.Profile == profile {
			separator = " with "
		}
		t.Profile += fmt.Sprintf("%s%s %s", separator, own.what, own.span.value)
	}
	return t, ok
}
