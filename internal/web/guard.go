package web

import (
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A guard forwards a request to the page or the API only if it comes from the page itself, in a
// browser that was given the URL with the token. Any other page in the same browser, and any user
// of this machine, can send requests here, so each check alone should keep them out.
type guard struct {
	hosts   []string // accepted values of the Host header
	token   string
	page    http.Handler
	api     http.Handler
	foreign *http.CrossOriginProtection
	// Each watcher keeps a connection open for as long as it likes.
	watchers chan struct{}
}

// The limits: how many clients may watch at once, and the size of a request's body in bytes and the
// time to send it.
const (
	mostWatchers = 32
	longestBody  = 64 << 10
	bodyPatience = 5 * time.Second
)

func newGuard(at net.Addr, token string, page, api http.Handler) *guard {
	port := strconv.Itoa(at.(*net.TCPAddr).Port)
	g := &guard{token: token, page: page, api: api, foreign: http.NewCrossOriginProtection(), watchers: make(chan struct{}, mostWatchers)}
	for _, host := range []string{"127.0.0.1", "::1", "localhost", at.(*net.TCPAddr).IP.String()} {
		g.hosts = append(g.hosts, net.JoinHostPort(host, port))
		if port == "80" { // browsers omit the default port
			g.hosts = append(g.hosts, strings.TrimSuffix(net.JoinHostPort(host, port), ":80"))
		}
	}
	return g
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w = impatient{w, http.NewResponseController(w)}
	harden(w.Header())
	isAPI := strings.HasPrefix(r.URL.Path, "/v1/")
	switch {
	case !slices.Contains(g.hosts, r.Host):
		refuse(w, "this server has another name", http.StatusForbidden)
	case !g.own(r.Header["Origin"]):
		refuse(w, "not for other origins", http.StatusForbidden)
	case r.URL.RawPath != "" || r.URL.Path != path.Clean(r.URL.Path):
		refuse(w, "404 page not found", http.StatusNotFound)
	case r.Method != http.MethodGet && (!isAPI || r.Method != http.MethodPost):
		w.Header().Set("Allow", "GET")
		refuse(w, "not by that method", http.StatusMethodNotAllowed)
	case r.Method == http.MethodGet && r.ContentLength != 0:
		refuse(w, "a GET request has no body", http.StatusRequestEntityTooLarge)
	case isAPI:
		g.serveAPI(w, r)
	default:
		g.page.ServeHTTP(w, r)
	}
}

// serveAPI serves clients that have the token.
func (g *guard) serveAPI(w http.ResponseWriter, r *http.Request) {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" || g.foreign.Check(r) != nil {
		refuse(w, "not for other sites", http.StatusForbidden)
		return
	}
	given := r.Header["Authorization"]
	if len(given) != 1 || subtle.ConstantTimeCompare([]byte(given[0]), []byte("Bearer "+g.token)) != 1 {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, "only with the token of the URL that lablab up has written", http.StatusUnauthorized)
		return
	}
	admit(r)
	if r.Method == http.MethodPost {
		if r.Header.Get("Content-Type") != "application/json" {
			refuse(w, "only application/json", http.StatusUnsupportedMediaType)
			return
		}
		r.Body = http.MaxBytesReader(w, inTime(w, r.Body), longestBody)
	}
	if r.URL.Path == "/v1/events" {
		select {
		case g.watchers <- struct{}{}:
			defer func() { <-g.watchers }()
		default:
			w.Header().Set("Retry-After", "5")
			refuse(w, "too many watch already", http.StatusServiceUnavailable)
			return
		}
	}
	g.api.ServeHTTP(w, r)
}

// refuse answers and closes the connection, without waiting for a body.
func refuse(w http.ResponseWriter, why string, code int) {
	w.Header().Set("Connection", "close")
	setReadDeadline(w, time.Now())
	http.Error(w, why, code)
}

// setReadDeadline limits the time in which the rest of a request may arrive; zero lifts the limit.
func setReadDeadline(w http.ResponseWriter, at time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(at) // every net/http connection supports deadlines
}

// inTime returns a body that has to arrive before patience ends. What the request then asks for may
// take longer.
func inTime(w http.ResponseWriter, body io.ReadCloser) io.ReadCloser {
	setReadDeadline(w, time.Now().Add(bodyPatience))
	return timedBody{body, w}
}

type timedBody struct {
	io.ReadCloser
	response http.ResponseWriter
}

func (b timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		setReadDeadline(b.response, time.Time{})
	}
	return n, err
}

// own reports whether a request's origins are all this server's, or absent.
func (g *guard) own(origins []string) bool {
	return len(origins) == 0 || len(origins) == 1 && slices.Contains(g.hosts, strings.TrimPrefix(origins[0], "http://")) && strings.HasPrefix(origins[0], "http://")
}

// harden tells the browser to keep responses from other pages, and to cache none.
func harden(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
}

// An impatient writer gives up on a client that does not read. A browser that was suspended
// reconnects later and gets the events that it missed.
type impatient struct {
	http.ResponseWriter
	control *http.ResponseController
}

const readerPatience = 20 * time.Second

func (i impatient) Write(b []byte) (int, error) {
	_ = i.control.SetWriteDeadline(time.Now().Add(readerPatience)) // as above
	return i.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController the underlying writer.
func (i impatient) Unwrap() http.ResponseWriter { return i.ResponseWriter }
