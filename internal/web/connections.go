package web

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Any user of this machine may open any number of connections. A browser with the URL sends the token
// at once, so a connection that has not sent it for a while is the one to give up.
const (
	mostUnknown    = 192                    // connections without the token
	mostKnown      = 128                    // connections that have sent the token
	leastUnknown   = 250 * time.Millisecond // to send the token, however many others there are
	longestUnknown = time.Minute            // without the token, whatever is sent
)

// A limitedListener keeps room for one more connection by closing the oldest of those that have not
// sent the token.
type limitedListener struct {
	net.Listener
	mu      sync.Mutex
	unknown list.List // of *connection, oldest first
	known   int
	left    chan struct{} // gets something after one of unknown has left
}

func limited(l net.Listener) *limitedListener {
	return &limitedListener{Listener: l, left: make(chan struct{}, 1)}
}

// A connection is unknown until a request on it has the token.
type connection struct {
	net.Conn
	listener *limitedListener
	place    *list.Element // in listener.unknown; nil once it is known or closed
	known    bool
	since    time.Time
	expires  *time.Timer // while it is unknown
}

// Accept returns the next connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	l.makeRoom()
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, listener: l, since: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	c.place = l.unknown.PushBack(c)
	c.expires = time.AfterFunc(longestUnknown, func() { _ = c.Close() })
	return c, nil
}

// makeRoom waits until there is room for another unknown connection, and the oldest has had its time.
func (l *limitedListener) makeRoom() {
	for {
		l.mu.Lock()
		if l.unknown.Len() < mostUnknown {
			l.mu.Unlock()
			return
		}
		oldest := l.unknown.Front().Value.(*connection)
		l.mu.Unlock()
		if wait := leastUnknown - time.Since(oldest.since); wait > 0 {
			select {
			case <-time.After(wait):
			case <-l.left:
			}
			continue
		}
		_ = oldest.Close() // its server sees the error
	}
}

// Close closes the connection and forgets it.
func (c *connection) Close() error {
	c.listener.mu.Lock()
	c.leave()
	if c.known {
		c.known = false
		c.listener.known--
	}
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// admit makes c a known connection, if there is room.
func (c *connection) admit() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	if c.place == nil || c.listener.known >= mostKnown {
		return
	}
	c.leave()
	c.known = true
	c.listener.known++
}

// leave removes c from the unknown connections. The caller holds listener.mu.
func (c *connection) leave() {
	if c.place == nil {
		return
	}
	c.expires.Stop()
	c.listener.unknown.Remove(c.place)
	c.place = nil
	select {
	case c.listener.left <- struct{}{}:
	default:
	}
}

// connectionKey is the key of a request's connection in its context.
type connectionKey struct{}

func withConnection(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// admit makes the connection of a request that has the token a known one, if there is room.
func admit(r *http.Request) {
	if c, is := r.Context().Value(connectionKey{}).(*connection); is {
		c.admit()
	}
}
