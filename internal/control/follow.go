package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"lablab/say"
	"lablab/timeline"
)

// News calls see for each event from now on, until the lab or ctx ends. It first calls begun, once
// no later event can be missed.
func (c *Client) News(ctx context.Context, begun func(), see func(timeline.Event) error) error {
	return c.follow(ctx, "/v1/events?after=now", begun, see)
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
