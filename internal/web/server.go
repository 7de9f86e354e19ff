package web

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"lablab/internal/serve"
)

// A Site serves the live page on a loopback address of this machine to anyone who has its URL.
type Site struct {
	listener net.Listener
	token    string
	http     *serve.Server
}

// NewSite returns a site for the listener, with a new 128-bit token.
func NewSite(listener net.Listener) *Site {
	token := make([]byte, 16)
	_, _ = rand.Read(token) // never fails
	return &Site{listener: listener, token: hex.EncodeToString(token)}
}

// URL returns the page's address. The token is in the fragment, which browsers never send.
func (s *Site) URL() string { return fmt.Sprintf("http://%s/#%s", s.listener.Addr(), s.token) }

// Serve serves the page, and the API below /v1/, until the site is closed.
func (s *Site) Serve(api http.Handler) error {
	page, err := servePage()
	if err != nil {
		return err
	}
	const (
		headers = 5 * time.Second
		idle    = time.Minute
		longest = 16 << 10 // bytes of headers
	)
	s.http = serve.Start(&http.Server{
		Handler:                      newGuard(s.listener.Addr(), s.token, page, api),
		ConnContext:                  withConnection,
		DisableGeneralOptionsHandler: true, // it would wait for bodies
		ReadHeaderTimeout:            headers,
		IdleTimeout:                  idle,
		MaxHeaderBytes:               longest,
		ErrorLog:                     log.New(io.Discard, "", 0), // requests of other programs do not belong on the terminal
	}, limited(s.listener))
	return nil
}

// Close stops the server. Watchers get what has already been written for them; Close does not wait
// for slow ones.
func (s *Site) Close() error { return s.http.Close() }
