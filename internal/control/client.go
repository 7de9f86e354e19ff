package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// A Client talks to a lab in another process.
type Client struct {
	http *http.Client
	name string
	// Waiting, if not nil, is called when a response is slow.
	Waiting func()
}

// ErrNone says that no lab of that name is running.
var ErrNone = say.New("no such lab is running")

// ErrDown says that the lab is being taken down.
var ErrDown = say.New("the lab is being taken down")

// ErrCut says that the lab ended without sending its end, or that it dropped this client for
// reading too slowly.
var ErrCut = say.New("the lab ended before it had sent everything")

// ErrSilent says that a lab did not respond in time.
var ErrSilent = say.New("the lab is not responding")

// Dial returns a client of the lab with that name.
func Dial(directory, name string) *Client {
	path := Socket(directory, name)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if err := checkOwn(directory); err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	return &Client{http: &http.Client{Transport: transport}, name: name}
}

// Ending connects to the lab with that name and returns the connection. It becomes readable when
// the lab ends, for any reason, or is replaced.
func Ending(ctx context.Context, directory, name string) (*os.File, error) {
	if err := checkOwn(directory); err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", Socket(directory, name))
	if err != nil {
		return nil, say.Errorf("send request to lab %s: %w", name, err)
	}
	defer conn.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://lab/v1/end", nil)
	if err != nil {
		return nil, say.Errorf("send request to lab %s: %w", name, err)
	}
	request.Close = true // makes the connection end with the response
	if err := request.Write(conn); err != nil {
		return nil, say.Errorf("send request to lab %s: %w", name, err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request) //nolint:bodyclose // its end is what is waited for
	if err != nil {
		return nil, say.Errorf("send request to lab %s: %w", name, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, say.Errorf("send request to lab %s: %s", name, response.Status)
	}
	return conn.(*net.UnixConn).File()
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status returns the state of the whole lab. The error wraps [ErrNone] if the lab is not running.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, "/v1/status", nil)
}

// Flows returns the conntrack entries of a host, or of all hosts.
func (c *Client) Flows(ctx context.Context, host string) ([]Flow, error) {
	return call[[]Flow](ctx, c, http.MethodGet, "/v1/flows?host="+url.QueryEscape(host), nil)
}

// Rules returns the ruleset of a host.
func (c *Client) Rules(ctx context.Context, host string) (Ruleset, error) {
	return call[Ruleset](ctx, c, http.MethodGet, "/v1/rules?host="+url.QueryEscape(host), nil)
}

// Apply makes changes, all of them or none. An *sg.Error holds EC2's error.
func (c *Client) Apply(ctx context.Context, changes ...sg.Change) (Effect, error) {
	return call[Effect](ctx, c, http.MethodPost, "/v1/changes", Changing{changes})
}

// Observe adds the entries and counters of all hosts to the lab's timeline.
func (c *Client) Observe(ctx context.Context) (Observed, error) {
	return call[Observed](ctx, c, http.MethodPost, "/v1/observe", struct{}{})
}

// Cut deletes conntrack entries and returns how many it deleted.
func (c *Client) Cut(ctx context.Context, request CutRequest) (int, error) {
	answer, err := call[CutAnswer](ctx, c, http.MethodPost, "/v1/cut", request)
	return answer.Cut, err
}

// StartStream starts a stream that runs until it is stopped, and returns its name.
func (c *Client) StartStream(ctx context.Context, start StreamStart) (string, error) {
	stream, err := call[Stream](ctx, c, http.MethodPost, "/v1/streams", start)
	return stream.Stream, err
}

// StopStream stops a stream.
func (c *Client) StopStream(ctx context.Context, name string) error {
	_, err := call[Done](ctx, c, http.MethodPost, "/v1/streams/stop", Stream{Stream: name})
	return err
}

// Load replaces the lab's hosts and groups with those of a built-in scenario.
func (c *Client) Load(ctx context.Context, scenario string) error {
	_, err := call[Done](ctx, c, http.MethodPost, "/v1/load", Load{Scenario: scenario})
	return err
}

// Down takes the lab down.
func (c *Client) Down(ctx context.Context) error {
	_, err := call[Done](ctx, c, http.MethodPost, "/v1/down", struct{}{})
	return err
}

// Events calls see for each event of the timeline, past events first, until the lab or ctx ends. If
// another scenario is loaded, its timeline follows. Events calls begun once no later event can be
// missed.
func (c *Client) Events(ctx context.Context, begun func(), see func(timeline.Event) error) error {
	return c.follow(ctx, "/v1/events", begun, see)
}

func call[A any](ctx context.Context, c *Client, method, path string, question any) (answer A, err error) {
	response, err := c.send(ctx, method, path, question)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return answer, say.Errorf("read response of lab %s: %w", c.name, err)
	}
	return answer, nil
}

func (c *Client) send(ctx context.Context, method, path string, question any) (*http.Response, error) {
	var body io.Reader
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			return nil, say.Errorf("send request to lab %s: %w", c.name, err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, body)
	if err != nil {
		return nil, say.Errorf("send request to lab %s: %w", c.name, err)
	}
	if c.Waiting != nil {
		const long = 2 * time.Second
		defer time.AfterFunc(long, c.Waiting).Stop()
	}
	response, err := c.http.Do(request)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, say.Errorf("%w: %s", ErrSilent, c.name)
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF): // the last two while the lab's process is ending
		return nil, say.Errorf("%w: %s", ErrNone, c.name)
	case err != nil:
		var request *url.Error // drop the wrapper: its URL means nothing to a person
		if errors.As(err, &request) {
			err = request.Err
		}
		return nil, say.Errorf("send request to lab %s: %w", c.name, err)
	case response.StatusCode == http.StatusOK:
		return response, nil
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusGone {
		return nil, ErrDown
	}
	var why failure
	if err := json.NewDecoder(response.Body).Decode(&why); err != nil {
		return nil, say.Errorf("send request to lab %s: %s", c.name, response.Status)
	}
	if why.Code != "" {
		return nil, &sg.Error{Code: why.Code, Message: why.Message}
	}
	return nil, why.Said.Error(why.Message)
}
