// Package serve runs an HTTP server until it is closed.
package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// A Server answers requests on a listener.
type Server struct {
	http  *http.Server
	ended chan error
}

// Start serves h on the listener until the server is closed.
func Start(h *http.Server, listener net.Listener) *Server {
	s := &Server{http: h, ended: make(chan error, 1)}
	go func() { s.ended <- h.Serve(listener) }()
	return s
}

// Close stops the server. Requests in progress get one second to finish, so slow clients do not
// hold it up. The error says why the server had already stopped, or why it cannot stop.
func (s *Server) Close() error {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
