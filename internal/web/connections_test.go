package web

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// sieges are what connections without the token send to keep a server busy.
var sieges = map[string]string{
	"silence":                       "",
	"slow headers":                  "GET / HTTP/1.1\r\nHost: " + good + "\r\nX-",
	"a body that does not come":     "POST / HTTP/1.1\r\nHost: " + good + "\r\nContent-Length: 1000\r\n\r\n",
	"the same to the API":           "POST /v1/revoke HTTP/1.1\r\nHost: " + good + "\r\n" + inJSON + "\r\nContent-Length: 1000\r\n\r\n{",
	"a chunk that does not end":     "POST /v1/revoke HTTP/1.1\r\nHost: " + good + "\r\nAuthorization: Bearer 0\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n{",
	"a body with a GET":             "GET / HTTP/1.1\r\nHost: " + good + "\r\nContent-Length: 1000\r\n\r\n",
	"a body to a foreign name":      "GET / HTTP/1.1\r\nHost: evil.com\r\nContent-Length: 1000\r\n\r\n",
	"a body that waits for consent": "POST /v1/revoke HTTP/1.1\r\nHost: " + good + "\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
	"pages that are not read":       strings.Repeat("GET / HTTP/1.1\r\nHost: "+good+"\r\n\r\n", 50),
	"a request to another server":   "OPTIONS * HTTP/1.1\r\nHost: " + good + "\r\nContent-Length: 1000\r\n\r\n",
}

// besiege holds 256 connections of these kinds until the test ends, and opens another for each that is
// closed.
func besiege(t *testing.T, at net.Addr, kinds ...string) {
	t.Helper()
	const size = 256
	ctx, cancel := context.WithCancel(t.Context())
	var held, over sync.WaitGroup
	_, port, _ := net.SplitHostPort(at.String())
	for i := range size {
		text := strings.ReplaceAll(sieges[kinds[i%len(kinds)]], "PORT", port)
		held.Add(1)
		over.Go(func() {
			begun := sync.OnceFunc(held.Done)
			for ctx.Err() == nil {
				hold(ctx, at, text, begun)
			}
			begun()
		})
	}
	held.Wait()
	t.Cleanup(func() { cancel(); over.Wait() })
}

// hold keeps a connection open for as long as it can.
func hold(ctx context.Context, at net.Addr, text string, begun func()) {
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, _ = io.WriteString(conn, text) // or it has been closed already
	begun()
	if strings.Count(text, "GET") > 1 { // what it asked for is not read
		<-ctx.Done()
		return
	}
	_, _ = io.Copy(io.Discard, conn)
}

// Connections without the token do not keep out a client that has it.
func TestSiege(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]string{"unread pages": {"pages that are not read"}, "all": slices.Sorted(maps.Keys(sieges))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := attacked(t)
			besiege(t, s.listener.Addr(), kinds...)
			for range 3 {
				if code := s.send(t, sent{line: "GET / HTTP/1.1", host: good}).code; code != http.StatusOK {
					t.Errorf("the page: %d", code)
				}
				if code := s.send(t, get()).code; code != http.StatusOK {
					t.Errorf("the API: %d", code)
				}
			}
		})
	}
}

// A refusal ends the connection at once, although the body that was announced has not come.
func TestRefusalsDoNotWait(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	for kind, text := range sieges {
		if !strings.Contains(text, "Content-Length") && !strings.Contains(text, "chunked") {
			continue
		}
		conn, err := net.Dial("tcp", s.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, strings.ReplaceAll(text, "PORT", s.port)); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(bodyPatience - time.Second))
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(answer), "Connection: close") {
			t.Errorf("%s: %v after\n%s", kind, err, answer)
		}
	}
}

// The oldest connection without the token makes room for a new one; those with the token stay, as
// far as there is room for them.
func TestOldConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	listener := limited(endless{})
	accept := func() *connection {
		c, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c.(*connection)
	}
	var known []*connection
	for range mostKnown + 1 {
		c := accept()
		c.admit()
		known = append(known, c)
	}
	oldest, left := known[mostKnown], accept() // for the oldest there was no room
	_ = left.Close()
	_ = left.Close()
	var unknown []*connection
	for range mostUnknown - 1 {
		unknown = append(unknown, accept())
	}
	newest := accept()
	if !oldest.gone() || slices.ContainsFunc(unknown, (*connection).gone) || newest.gone() {
		t.Error("another than the oldest was closed")
	}
	if slices.ContainsFunc(known[:mostKnown], (*connection).gone) {
		t.Error("one with the token was closed")
	}
	if stayed := newest.since.Sub(oldest.since); stayed < leastUnknown {
		t.Errorf("the oldest was closed after %s", stayed)
	}
	_ = known[0].Close()
	if newest.admit(); !newest.known {
		t.Error("there is no room for another with the token")
	}
	for _, c := range append(known, unknown...) {
		_ = c.Close()
	}
	if _ = newest.Close(); listener.known != 0 || listener.unknown.Len() != 0 {
		t.Errorf("%d and %d are left", listener.known, listener.unknown.Len())
	}
}

func (c *connection) gone() bool {
	return c.SetDeadline(time.Time{}) != nil
}

// An endless listener has one connection after another.
type endless struct{ net.Listener }

func (endless) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	return c, nil
}
