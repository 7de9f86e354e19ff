package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"lablab/say"
	"lablab/timeline"
)

// News calls see for each event from now on, until the lab or ctx ends. It first calls begun, once
// no later event can be missed.
func (c *Client) News(ctx context.Context, begun func(), see func(timeline.Event) error) error {
	return c.follow(ctx, "/v1/events?after=now", begun, see)
}

// Until calls see for each event of a timeline after the one numbered after, up to the
// last one of an observation of it.
func (c *Client) Until(ctx context.Context, after uint64, until Observed, see func(timeline.Event) error) error {
	path := fmt.Sprintf("/v1/events?after=%d&started=%s", after, url.QueryEscape(until.Started.Format(time.RFC3339Nano)))
	complete := after >= until.Last
	if complete {
		return nil
	}
	err := c.follow(ctx, path, func() {}, func(e timeline.Event) error {
		if err := see(e); err != nil {
			return err
		}
		if complete = e.Seq >= until.Last; complete {
			return io.EOF
		}
		return nil
	})
	if complete {
		return nil
	}
	return err
}

// follow reads events until the stream ends.
func (c *Client) follow(ctx context.Context, path string, begun func(), see func(timeline.Event) error) error {
	response, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	begun()
	d, over := json.NewDecoder(response.Body), false
	for {
		var e timeline.Event
		err := d.Decode(&e)
		var syntax *json.SyntaxError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &syntax):
			return say.Errorf("read events: %w", err)
		case over && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
			return nil
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return say.Errorf("%w: %s", ErrCut, c.name)
		case err != nil:
			return say.Errorf("read events: %w", err)
		}
		switch e.Body.(type) {
		case timeline.Begun:
			over = false // another scenario's timeline begins
		case timeline.Ended:
			over = true
		}
		if err := see(e); err != nil {
			return err
		}
	}
}
