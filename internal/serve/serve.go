// Package serve answers over HTTP until it is told to stop.
package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// A Server answers on a listener.
type Server struct {
	http  *http.Server
	ended chan error
}

// Start answers on the listener, as h says, until the server is closed.
func Start(h *http.Server, listener net.Listener) *Server {
	s := &Server{http: h, ended: make(chan error, 1)}
	go func() { s.ended <- h.Serve(listener) }()
	return s
}

// Close stops answering. Those who are being answered get what there is for them within
// a second; it does not wait for those who are slow. The error is why it had stopped
// before, or why it cannot.
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
