package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"lablab/internal/control"
	"lablab/render"
	"lablab/say"
	"lablab/timeline"
)

// reportLab writes the reports of what has happened so far in a running lab.
func (env Env) reportLab(name string, f outputFlags, runs render.Runs) (int, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	ctx, cancel := env.interruptible()
	defer cancel()
	client := env.lab(name)
	defer client.Close()
	events, err := recordOf(ctx, client)
	if err != nil {
		return 0, refused(err)
	}
	runs.Results = []render.Result{render.ResultOf(events)}
	return writeReports(env, f, runs)
}

// recordOf returns what record would write of a lab by now.
func recordOf(ctx context.Context, lab *control.Client) ([]timeline.Event, error) {
	about, err := lab.Status(ctx)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	s := session{out: json.NewEncoder(say.JSON(&b)), about: about}
	if err := errors.Join(s.observe(ctx, lab), s.end()); err != nil && !errors.Is(err, errOver) {
		return nil, err
	}
	if s.written == 0 { // another lab has just replaced it
		return nil, control.ErrDown
	}
	return timeline.Read(&b)
}
