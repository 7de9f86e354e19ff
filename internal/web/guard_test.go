package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A target is a site whose API counts the requests that reach it.
type target struct {
	*Site
	port    string
	reached atomic.Int64
	conns   []net.Conn // in the order they were opened
}

func attacked(t *testing.T) *target {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &target{Site: NewSite(listener)}
	_, s.port, _ = net.SplitHostPort(listener.Addr().String())
	err = s.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.reached.Add(1)
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A sent request, as it goes over the wire. PORT and TOKEN stand for the target's.
type sent struct {
	line    string // "GET /v1/status HTTP/1.1"
	host    string // "-" omits the header
	headers []string
	body    string
}

// A request that reaches the API. Each attack differs from it in one thing.
const (
	good      = "127.0.0.1:PORT"
	withToken = "Authorization: Bearer TOKEN"
	inJSON    = "Content-Type: application/json"
)

// An answer is the head of a response.
type answer struct {
	code   int
	header http.Header
}

func (s *target) send(t *testing.T, r sent) answer {
	t.Helper()
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s.conns = append(s.conns, conn)
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	text := r.line + "\r\n"
	if r.host != "-" {
		text += "Host: " + r.host + "\r\n"
	}
	for _, h := range r.headers {
		text += h + "\r\n"
	}
	if r.body != "" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(r.body))
	}
	text += "Connection: close\r\n\r\n" + r.body
	if _, err := io.WriteString(conn, strings.NewReplacer("PORT", s.port, "TOKEN", s.token).Replace(text)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", r.line, err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return answer{response.StatusCode, response.Header}
}

// refused sends each request and fails the test if one reaches the API.
func (s *target) refused(t *testing.T, code int, requests ...sent) {
	t.Helper()
	for _, r := range requests {
		response := s.send(t, r)
		if response.code != code {
			t.Errorf("%q to %q with %q: %d, want %d", r.line, r.host, r.headers, response.code, code)
		}
		for name := range response.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%q allows others: %s", r.line, name)
			}
		}
	}
	if n := s.reached.Load(); n > 0 {
		t.Errorf("%d requests got through", n)
	}
}

func get(headers ...string) sent {
	return sent{line: "GET /v1/status HTTP/1.1", host: good, headers: append([]string{withToken}, headers...)}
}

func post(headers ...string) sent {
	return sent{line: "POST /v1/revoke HTTP/1.1", host: good, headers: append([]string{withToken}, headers...), body: "{}"}
}

// Requests of the page itself reach the API, under each name of the loopback address.
func TestThePageGetsThrough(t *testing.T) {
	s := attacked(t)
	for _, host := range []string{"127.0.0.1:PORT", "localhost:PORT", "[::1]:PORT"} {
		for _, r := range []sent{get(), get("Sec-Fetch-Site: same-origin"), post(inJSON, "Sec-Fetch-Site: same-origin", "Origin: http://"+host)} {
			r.host = host
			if response := s.send(t, r); response.code != http.StatusOK {
				t.Errorf("%s at %s with %q: %d", r.line, host, r.headers, response.code)
			}
		}
		if response := s.send(t, sent{line: "GET / HTTP/1.1", host: host}); response.code != http.StatusOK {
			t.Errorf("the page at %s: %d", host, response.code)
		}
	}
	if s.reached.Load() != 9 {
		t.Errorf("%d got through", s.reached.Load())
	}
}

// A browser omits the default port from the Host and Origin headers.
func TestPort80(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for port, want := range map[int]int{80: http.StatusOK, 8080: http.StatusForbidden} {
		g := newGuard(&net.TCPAddr{IP: net.IPv6loopback, Port: port}, "token", ok, ok)
		for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
			request := httptest.NewRequest(http.MethodGet, "/v1/status", nil)
			request.Host = host
			request.Header.Set("Origin", "http://"+host)
			request.Header.Set("Authorization", "Bearer token")
			answer := httptest.NewRecorder()
			if g.ServeHTTP(answer, request); answer.Code != want {
				t.Errorf("%s at port %d: %d, want %d", host, port, answer.Code, want)
			}
		}
	}
}

// DNS rebinding: the attacker's name resolves to this address, so the browser takes this server for
// the attacker's own.
func TestOtherHosts(t *testing.T) {
	s := attacked(t)
	for _, host := range []string{
		"127.0.0.1.evil.com:PORT", "evil.com:PORT", "evil.com", "localhost.evil.com:PORT", "rebind.localhost:PORT", "127.1:PORT", "2130706433:PORT", "0x7f.1:PORT",
		"0.0.0.0:PORT", "127.0.0.2:PORT", "localhost.:PORT", "LOCALHOST:PORT", "127.0.0.1", "127.0.0.1:", "127.0.0.1:1", "localhost", "[::1]", "::1:PORT", "[::ffff:127.0.0.1]:PORT",
		"127.0.0.1:PORT.evil.com", "user@127.0.0.1:PORT", "",
	} {
		for _, r := range []sent{get(), {line: "GET / HTTP/1.1"}} {
			r.host = host
			if code := s.send(t, r).code; code != http.StatusForbidden && code != http.StatusBadRequest {
				t.Errorf("%s at %q: %d", r.line, host, code)
			}
		}
	}
	s.refused(t, http.StatusForbidden, sent{line: "GET http://evil.com/v1/status HTTP/1.1", host: good, headers: []string{withToken}})
}

func TestNoHost(t *testing.T) {
	s := attacked(t)
	s.refused(t, http.StatusBadRequest, sent{line: "GET /v1/status HTTP/1.1", host: "-", headers: []string{withToken}})
	s.refused(t, http.StatusForbidden, sent{line: "GET /v1/status HTTP/1.0", host: "-", headers: []string{withToken}})
	s.refused(t, http.StatusBadRequest, sent{line: "GET /v1/status HTTP/1.1", host: good, headers: []string{"Host: evil.com", withToken}})
}

func TestForeignOrigin(t *testing.T) {
	s := attacked(t)
	for _, origin := range []string{
		"http://evil.com", "https://127.0.0.1:PORT", "http://127.0.0.1", "http://127.0.0.1:1", "http://127.0.0.1:PORT.evil.com", "http://localhost:PORT@evil.com",
		"127.0.0.1:PORT", "http://127.0.0.1:PORT/", "file://", "",
	} {
		s.refused(t, http.StatusForbidden, get("Origin: "+origin), post(inJSON, "Origin: "+origin))
	}
	s.refused(t, http.StatusForbidden, post(inJSON, "Origin: http://127.0.0.1:PORT", "Origin: http://evil.com"))
}

// A page opened from a file, and a page in a sandbox.
func TestNullOrigin(t *testing.T) {
	s := attacked(t)
	s.refused(t, http.StatusForbidden, get("Origin: null"), post(inJSON, "Origin: null"), sent{line: "GET / HTTP/1.1", host: good, headers: []string{"Origin: null"}})
}

func TestNoToken(t *testing.T) {
	s := attacked(t)
	s.refused(t, http.StatusUnauthorized, sent{line: "GET /v1/status HTTP/1.1", host: good}, sent{line: "GET /v1/events HTTP/1.1", host: good},
		sent{line: "POST /v1/revoke HTTP/1.1", host: good, headers: []string{inJSON}, body: "{}"})
}

func TestWrongToken(t *testing.T) {
	s := attacked(t)
	for _, header := range []string{
		"Authorization: Bearer " + strings.Repeat("0", 32), "Authorization: Bearer ", "Authorization: Bearer", "Authorization: Bearer TOKEN0", "Authorization: bearer TOKEN",
		"Authorization: Basic TOKEN", "Authorization: TOKEN", "Cookie: token=TOKEN", "X-Token: TOKEN",
	} {
		s.refused(t, http.StatusUnauthorized, sent{line: "GET /v1/status HTTP/1.1", host: good, headers: []string{header}})
	}
	s.refused(t, http.StatusUnauthorized, get("Authorization: Bearer x"))
}

// Query strings end up in logs and histories.
func TestTokenInTheQuery(t *testing.T) {
	s := attacked(t)
	for _, name := range []string{"token", "access_token", "authorization"} {
		s.refused(t, http.StatusUnauthorized, sent{line: "GET /v1/status?" + name + "=TOKEN HTTP/1.1", host: good})
	}
	s.refused(t, http.StatusNotFound, sent{line: "GET /TOKEN HTTP/1.1", host: good})
}

func TestTokensDiffer(t *testing.T) {
	one, other := attacked(t), attacked(t)
	if len(one.token) != 32 || one.token == other.token {
		t.Errorf("tokens %s and %s", one.token, other.token)
	}
	if !strings.HasSuffix(one.URL(), "/#"+one.token) {
		t.Errorf("URL %s", one.URL())
	}
}

func TestCrossSite(t *testing.T) {
	s := attacked(t)
	for _, site := range []string{"cross-site", "same-site", "anything"} {
		s.refused(t, http.StatusForbidden, post(inJSON, "Sec-Fetch-Site: "+site), get("Sec-Fetch-Site: "+site))
	}
}

// A form on another page can send these without a preflight request.
func TestForms(t *testing.T) {
	s := attacked(t)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-7", "text/plain; x=application/json", ""} {
		s.refused(t, http.StatusUnsupportedMediaType, post("Content-Type: "+kind))
	}
	s.refused(t, http.StatusUnsupportedMediaType, post())
}

func TestPreflight(t *testing.T) {
	s := attacked(t)
	s.refused(t, http.StatusForbidden, sent{line: "OPTIONS /v1/revoke HTTP/1.1", host: good, headers: []string{
		"Origin: http://evil.com", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type", "Access-Control-Request-Private-Network: true",
	}})
	s.refused(t, http.StatusMethodNotAllowed, sent{line: "OPTIONS /v1/revoke HTTP/1.1", host: good, headers: []string{withToken}})
}

func TestOtherMethods(t *testing.T) {
	s := attacked(t)
	for _, method := range []string{"PUT", "DELETE", "PATCH", "HEAD", "TRACE", "CONNECT", "PROPFIND"} {
		r := sent{line: method + " /v1/status HTTP/1.1", host: good, headers: []string{withToken}}
		if code := s.send(t, r).code; code != http.StatusMethodNotAllowed && code != http.StatusBadRequest && code != http.StatusNotFound {
			t.Errorf("%s: %d", method, code)
		}
	}
	s.refused(t, http.StatusMethodNotAllowed, sent{line: "POST / HTTP/1.1", host: good, body: "{}"})
}

func TestPaths(t *testing.T) {
	s := attacked(t)
	for _, path := range []string{
		"/v1/../v1/status", "//v1/status", "/v1//status", "/v1/./status", "/v1/%2e%2e/status", "/v1%2fstatus", "/%76%31%2fstatus", "/v1/status/..", "/x/../v1/status",
		"/../../etc/passwd", "/page/main.js", "/index.html", "/v1", "/V1/status", "/.git/config",
	} {
		s.refused(t, http.StatusNotFound, sent{line: "GET " + path + " HTTP/1.1", host: good, headers: []string{withToken}})
	}
}

func TestLongBody(t *testing.T) {
	s := attacked(t)
	r := post(inJSON)
	r.body = strings.Repeat(" ", longestBody+1)
	if code := s.send(t, r).code; code != http.StatusRequestEntityTooLarge {
		t.Errorf("answered with %d", code)
	}
}

func TestLongHeaders(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	s.refused(t, http.StatusRequestHeaderFieldsTooLarge, get("X: "+strings.Repeat("x", 64<<10)))
}

// Connections that send headers or a body as slowly as they can are cut off, and other clients are
// answered meanwhile.
func TestSlowloris(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	begins := strings.NewReplacer("PORT", s.port, "TOKEN", s.token).Replace("POST /v1/revoke HTTP/1.1\r\nHost: " + good + "\r\n" + withToken + "\r\n" + inJSON + "\r\n")
	var slow []net.Conn
	for i, text := range []string{"GET / HT", begins, begins + "Content-Length: 100\r\n\r\n{"} {
		for range 20 {
			conn, err := net.Dial("tcp", s.listener.Addr().String())
			if err != nil {
				t.Fatal(i, err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			slow = append(slow, conn)
		}
	}
	if code := s.send(t, get()).code; code != http.StatusOK {
		t.Error(code)
	}
	for _, conn := range slow {
		_ = conn.SetReadDeadline(time.Now().Add(15 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatal("it is still open after 15 s")
		}
	}
}

// Every response says that no other site may use it.
func TestHeaders(t *testing.T) {
	s := attacked(t)
	for _, r := range []sent{{line: "GET / HTTP/1.1", host: good}, get(), {line: "GET / HTTP/1.1", host: "evil.com"}, {line: "GET /v1/status HTTP/1.1", host: good}} {
		h := s.send(t, r).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%s at %s: %s is %q", r.line, r.host, name, h.Get(name))
			}
		}
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s at %s: no %s in %q", r.line, r.host, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http:") {
			t.Errorf("the policy allows too much: %s", policy)
		}
	}
	policy := s.send(t, sent{line: "GET / HTTP/1.1", host: good}).header.Get("Content-Security-Policy")
	for _, want := range []string{"script-src 'sha256-", "style-src 'sha256-", "connect-src 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %s in %s", want, policy)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, fine := range map[string]bool{
		"127.0.0.1:0": true, "127.0.0.1:8080": true, "127.9.8.7:1": true, "[::1]:8080": true,
		"0.0.0.0:80": false, "[::]:80": false, ":80": false, "localhost:80": false, "127.1:80": false, "127.0.0.1": false, "127.0.0.1:99999": false, "10.0.0.1:80": false,
		"[::ffff:127.0.0.1]:80": false, "[::1%lo]:80": false, "127.0.0.1.evil.com:80": false, "": false, "0177.0.0.1:80": false,
	} {
		if err := CheckAddress(text); (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The number of watchers is limited. When one leaves, another may connect.
func TestWatchers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &target{Site: NewSite(listener)}
	_, s.port, _ = net.SplitHostPort(listener.Addr().String())
	left := make(chan struct{}, mostWatchers)
	err = s.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		left <- struct{}{}
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	watch := sent{line: "GET /v1/events HTTP/1.1", host: good, headers: []string{withToken}}
	for range mostWatchers {
		if code := s.send(t, watch).code; code != http.StatusOK {
			t.Fatal(code)
		}
	}
	if r := s.send(t, watch); r.code != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("one more: %d", r.code)
	}
	_ = s.conns[0].Close()
	<-left
	for s.send(t, watch).code != http.StatusOK {
		<-time.After(time.Millisecond)
	}
}

// No response waits for a client that does not read it.
func TestEverythingIsImpatient(t *testing.T) {
	var got http.ResponseWriter
	look := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w })
	g := newGuard(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, "secret", look, look)
	for _, path := range []string{"/", "/v1/status"} {
		got = nil
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+path, nil)
		r.Header.Set("Authorization", "Bearer secret")
		g.ServeHTTP(httptest.NewRecorder(), r)
		if _, is := got.(impatient); !is {
			t.Errorf("%s: %T", path, got)
		}
	}
}
