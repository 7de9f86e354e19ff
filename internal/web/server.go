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

	"golang.org/x/net/netutil"

	"lablab/internal/serve"
)

// A Site serves the page live, on a loopback address of this machine, to who has its URL.
type Site struct {
	listener net.Listener
	token    string
	http     *serve.Server
}

// NewSite is a site that will be served at the listener, with a new token of 128 bits.
func NewSite(listener net.Listener) *Site {
	token := make([]byte, 16)
	_, _ = rand.Read(token) // never fails
	return &Site{listener: listener, token: hex.EncodeToString(token)}
}

// URL is where a browser finds the page. The token is in the fragment, which no browser
// sends to anybody.
func (s *Site) URL() string { return fmt.Sprintf("http://%s/#%s", s.listener.Addr(), s.token) }

// Serve answers until the site is closed: with the page, and below /v1/ with api.
func (s *Site) Serve(api http.Handler) error {
	page, err := servePage()
	if err != nil {
		return err
	}
	const (
		headers  = 5 * time.Second
		idle     = time.Minute
		longest  = 16 << 10 // bytes of headers
		mostOpen = 256      // connections
	)
	s.http = serve.Start(&http.Server{
		Handler:           newGuard(s.listener.Addr(), s.token, page, api),
		ReadHeaderTimeout: headers, IdleTimeout: idle, MaxHeaderBytes: longest,
		ErrorLog: log.New(io.Discard, "", 0), // what strangers send is no news for the terminal
	}, netutil.LimitListener(s.listener, mostOpen))
	return nil
}

// Close stops answering. Those who watch get what has been written for them; it does
// not wait for those who are slow.
func (s *Site) Close() error { return s.http.Close() }
