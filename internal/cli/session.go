package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/say"
	"lablab/timeline"
)

func newRecord(env Env) *cobra.Command {
	c := &cobra.Command{
		Use: "record FILE", Short: "Record what happens in a lab, for replay and report", Args: arguments(1, 1),
		Long: `Record writes a lab's events to a file, starting with what has happened so far, until the
lab ends or you press Ctrl-C. lablab replay plays the file, lablab report explains it.
Events are written at once, so the record is usable even if this process is killed.`,
		Example: `  lablab record session.jsonl
  lablab replay session.jsonl`,
	}
	return verb(env, c, func(ctx context.Context, lab *control.Client, args []string) error {
		status, err := lab.Status(ctx)
		if err != nil {
			return err
		}
		file, err := openOwned(env, args[0])
		if err != nil {
			return &usageError{say.Errorf("record: %w", err), say.F("choose a writable file")}
		}
		f := &recordFile{file: file}
		s := &session{out: json.NewEncoder(say.JSON(f)), about: status}
		begun := func() {
			_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("recording lab %s to %s; press Ctrl-C to stop", oneLine(status.Name), oneLine(args[0])))
		}
		err = ended(lab.Events(ctx, begun, s.see))
		if errors.Is(err, errOver) {
			err = nil
			env.replaced(lab)
		} else if err == nil && s.experiment > 0 {
			asking, cancel := context.WithTimeout(context.Background(), lastWords)
			_ = s.observe(asking, lab) // or the lab has just ended, and its record with it
			cancel()
		}
		if err = errors.Join(err, s.end(), file.Close()); err != nil {
			return f.failed(say.Errorf("record: %w", err))
		}
		if s.forgotten > 0 {
			_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("not in the record: %d older events, which the lab had already discarded", s.forgotten))
		}
		next(c, env.Language.Sprintf("to watch it: lablab replay %s; to have it explained: lablab report %s", args[0], args[0]))
		return nil
	})
}

// errOver says that the timeline of a lab has ended. Another lab may follow.
var errOver = say.New("the timeline has ended")

// A session writes the timeline of a lab as a record that reads like a run: it has one experiment,
// without predictions.
type session struct {
	out        *json.Encoder
	about      control.Status
	last       uint64 // number of the lab's last event
	at         time.Duration
	written    uint64 // number of the last event written
	experiment int    // 1 while the experiment runs
	forgotten  uint64
}

// observe adds the lab's entries and counters, and what else happened before them.
func (s *session) observe(ctx context.Context, lab *control.Client) error {
	observed, err := lab.Observe(ctx)
	if err != nil || !observed.Started.Equal(s.about.Started) { // another lab has replaced it
		return err
	}
	return lab.Until(ctx, s.last, observed, s.see)
}

func (s *session) see(e timeline.Event) error {
	gap := e.Seq - s.last - 1
	s.forgotten += gap
	s.last, s.at = e.Seq, e.At
	switch body := e.Body.(type) {
	case timeline.Begun:
		// Drop the scenario's predictions: a lab does not run them.
		body.Title, body.Question, body.Plan = s.title(), "", s.plan()
		return s.write(body)
	case timeline.Ready:
		return s.write(body, timeline.ExperimentBegun{Number: 1})
	case timeline.Ended:
		return errors.Join(s.end(), errOver)
	}
	if s.written == 0 {
		if err := s.begin(); err != nil {
			return err
		}
	}
	s.written += gap
	return s.write(e.Body)
}

// begin writes the lab's present state as the beginning, because the log has forgotten the real
// one.
func (s *session) begin() error {
	begun := timeline.Begun{
		Version: s.about.Version, Scenario: s.about.Scenario, Title: s.title(),
		Rootless: s.about.Rootless, Started: s.about.Started, Plan: s.plan(),
	}
	for _, h := range s.about.Hosts {
		address, err := netip.ParsePrefix(h.Address)
		if err != nil {
			return say.Errorf("read address of host %s: %w", h.Name, err)
		}
		begun.Hosts = append(begun.Hosts, timeline.Host{Name: h.Name, Address: address, Groups: h.Groups})
	}
	bodies := []timeline.Body{begun}
	for _, g := range s.about.Groups {
		for _, r := range g.Rules {
			bodies = append(bodies, timeline.RuleAuthorized{Rule: timeline.Rule{Number: r.Number, Group: g.ID, Direction: r.Direction, Hosts: g.Hosts, Rule: r.Rule}})
		}
	}
	return s.write(append(bodies, timeline.Ready{}, timeline.ExperimentBegun{Number: 1})...)
}

// end closes the record; the lab itself may continue.
func (s *session) end() error {
	if s.experiment == 0 {
		return nil
	}
	err := s.write(timeline.ExperimentEnded{Number: 1}, timeline.Ended{})
	s.experiment = 0
	return err
}

// title returns the title of the record.
func (s *session) title() string { return "a session in lab " + s.about.Name }

func (s *session) plan() []timeline.Plan {
	return []timeline.Plan{{Number: 1, Title: say.F("changes made by hand").String(), Predicted: []timeline.Prediction{}}}
}

// write writes events with the present time. Their numbers have gaps where the lab has forgotten
// events.
func (s *session) write(bodies ...timeline.Body) error {
	for _, body := range bodies {
		s.written++
		if _, begins := body.(timeline.ExperimentBegun); begins {
			s.experiment = 1
		}
		if err := s.out.Encode(timeline.Event{Seq: s.written, At: s.at, Experiment: s.experiment, Body: body}); err != nil {
			return err
		}
	}
	return nil
}
