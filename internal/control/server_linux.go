package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"lablab/internal/serve"
)

// A Server lets other processes inspect and change a lab.
type Server struct {
	keeper *Keeper
	about  Status // the part that never changes
	down   context.CancelFunc
	http   *serve.Server
}

// Serve serves the API on the listener until the server is closed. It calls down when a client asks
// to end the lab.
func Serve(keeper *Keeper, about Status, listener net.Listener, down context.CancelFunc) *Server {
	s := &Server{keeper: keeper, about: about, down: down}
	mux := http.NewServeMux()
	for pattern, handle := range s.routes() {
		mux.HandleFunc(pattern, handle)
	}
	const patience = 5 * time.Second
	s.http = serve.Start(&http.Server{Handler: mux, ReadHeaderTimeout: patience}, owned{listener})
	return s
}

// Close stops the server. Watchers get the rest of a timeline that has ended, but Close does not
// wait for slow ones.
func (s *Server) Close() error { return s.http.Close() }

// events streams the timeline as JSON Lines: past events first, or those after the one that the
// query names. If another lab replaces this one, its timeline follows. With narration= it says what
// the events mean. With report= the report comes last, because once the lab is gone, no server is
// left to ask.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	k := s.keeper.current()
	if k == nil {
		refuse(w, r, http.StatusConflict, ErrDown)
		return
	}
	if r.URL.Query().Get("after") == "now" {
		k.sync(r.Context())
	}
	after, whole, err := k.after(r.URL.Query())
	if err != nil {
		refuse(w, r, http.StatusBadRequest, err)
		return
	}
	events := newEventWriter(w)
	if r.URL.Query().Has("narration") {
		if err := events.narrate(k.log, after); err != nil {
			refuse(w, r, http.StatusInternalServerError, err)
			return
		}
	}
	w.Header().Set("Content-Type", "application/jsonl")
	followed := s.keeper.follow(r.Context(), k, after, whole)
	_ = events.flusher.Flush()
	if events.writeAll(followed) && r.URL.Query().Has("report") {
		if ending, err := s.keeper.lastOf(k).ending(); err == nil {
			_ = events.to.Encode(map[string]any{"report": ending})
		}
	}
}

// owned accepts connections only from the lab's own user and from root.
type owned struct{ net.Listener }

func (l owned) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if uid, err := peerOf(conn); err == nil && (uid == os.Getuid() || uid == 0) {
			return conn, nil
		}
		_ = conn.Close()
	}
}

// peerOf returns the user at the other end of a Unix socket (SO_PEERCRED).
func peerOf(conn net.Conn) (uid int, err error) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var sockErr error
	err = raw.Control(func(fd uintptr) {
		var peer *unix.Ucred
		if peer, sockErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); sockErr == nil {
			uid = int(peer.Uid)
		}
	})
	return uid, errors.Join(err, sockErr)
}
