package serve

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A slow client holds up no other; a quick client gets everything.
func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	asked, closing := make(chan string, 2), make(chan struct{})
	s := Start(&http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		<-closing
		_, _ = io.WriteString(w, "all of it")
	})}, listener)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	get := func(path string) chan string {
		got := make(chan string, 1)
		go func() {
			response, err := client.Get("http://x" + path)
			if err != nil {
				got <- err.Error()
				return
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			got <- string(text)
		}()
		return got
	}
	slow, quick := get("/slow"), get("/quick")
	<-asked
	<-asked
	closed := make(chan error, 1)
	began := time.Now()
	go func() { closed <- s.Close() }()
	close(closing)
	if text := <-quick; text != "all of it" {
		t.Errorf("who is quick gets %q", text)
	}
	if text := <-slow; !strings.Contains(text, "EOF") {
		t.Errorf("who is slow gets %q", text)
	}
	if err := <-closed; err != nil || time.Since(began) < 200*time.Millisecond {
		t.Errorf("it is closed after %s: %v", time.Since(began), err)
	}
}

// Close reports why the server had already stopped.
func TestBroken(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	s := Start(&http.Server{}, listener)
	for len(s.ended) == 0 {
		runtime.Gosched()
	}
	if err := s.Close(); err == nil {
		t.Error("no error, though nobody could be answered")
	}
}
