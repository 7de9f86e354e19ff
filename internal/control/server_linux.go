package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"lablab/flow"
	"lablab/lab"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// A Server lets other processes look into a lab and change it.
type Server struct {
	lab    *lab.Lab
	log    *timeline.Log
	status Status // what never changes
	down   context.CancelFunc
	http   *http.Server
	ended  chan error
	acls   acls
}

// Serve answers on the listener until the server is closed. down is called when
// somebody asks for the end of the lab.
func Serve(l *lab.Lab, log *timeline.Log, about Status, listener net.Listener, down context.CancelFunc) *Server {
	s := &Server{lab: l, log: log, status: about, down: down, ended: make(chan error, 1)}
	const patience = 5 * time.Second
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: patience}
	go func() { s.ended <- s.http.Serve(owned{listener}) }()
	return s
}

// Close ends the timeline, lets those who watch read it to its end, and stops
// answering. It does not wait for those who are slow.
func (s *Server) Close() error {
	s.log.Append(timeline.Ended{})
	const patience = 300 * time.Millisecond
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

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", answer(func(*http.Request, struct{}) (Status, error) { return s.now() }))
	mux.HandleFunc("GET /v1/flows", answer(func(r *http.Request, _ struct{}) ([]Flow, error) { return s.flows(r.URL.Query().Get("host")) }))
	mux.HandleFunc("GET /v1/rules", answer(func(r *http.Request, _ struct{}) (Ruleset, error) { return s.rules(r.URL.Query().Get("host")) }))
	mux.HandleFunc("GET /v1/events", s.events)
	mux.HandleFunc("GET /v1/capture", s.capture)
	mux.HandleFunc("POST /v1/authorize", answer(func(_ *http.Request, c RuleChange) (Done, error) {
		if len(c.IDs) > 0 {
			return Done{}, s.lab.Again(c.Group, c.IDs...)
		}
		if err := check(c.Rules); err != nil {
			return Done{}, err
		}
		return Done{}, s.lab.Authorize(c.Group, c.Direction, c.Rules...)
	}))
	mux.HandleFunc("POST /v1/revoke", answer(func(_ *http.Request, c RuleChange) (Done, error) {
		if len(c.IDs) > 0 {
			return Done{}, s.lab.Revoke(c.Group, c.IDs...)
		}
		return Done{}, s.lab.RevokeSame(c.Group, c.Direction, c.Rules...)
	}))
	mux.HandleFunc("POST /v1/groups", answer(func(_ *http.Request, c GroupChange) (Done, error) {
		return Done{}, s.lab.SetGroups(c.Host, c.Groups)
	}))
	mux.HandleFunc("POST /v1/acl", answer(func(_ *http.Request, c ACLChange) (Done, error) { return Done{}, s.setACL(c) }))
	mux.HandleFunc("POST /v1/cut", answer(func(_ *http.Request, c CutRequest) (CutAnswer, error) { return s.cut(c) }))
	mux.HandleFunc("POST /v1/streams", answer(func(_ *http.Request, a StreamStart) (Stream, error) { return s.start(a) }))
	mux.HandleFunc("POST /v1/streams/stop", answer(func(_ *http.Request, a Stream) (Done, error) {
		return Done{}, s.lab.StopStream(a.Stream)
	}))
	mux.HandleFunc("POST /v1/down", answer(func(*http.Request, struct{}) (Done, error) {
		s.down()
		return Done{}, nil
	}))
	return mux
}

// answer is a handler that reads what is asked as JSON, and writes what do returns.
func answer[Q, A any](do func(*http.Request, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var question Q
		if r.Method == http.MethodPost {
			const longest = 1 << 20 // bytes
			d := json.NewDecoder(http.MaxBytesReader(w, r.Body, longest))
			d.DisallowUnknownFields()
			if err := d.Decode(&question); err != nil {
				refuse(w, http.StatusBadRequest, fmt.Errorf("read request: %w", err))
				return
			}
		}
		answer, err := do(r, question)
		if err != nil {
			refuse(w, http.StatusConflict, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func refuse(w http.ResponseWriter, code int, err error) {
	why := failure{Message: err.Error()}
	var ec2 *sg.Error
	if errors.As(err, &ec2) {
		why = failure{Code: ec2.Code, Message: ec2.Message}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(why)
}

// events writes the timeline as it grows: a line of JSON an event, those of the past
// first, or those behind the one that ?after= names.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	after, err := s.after(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	flusher := http.NewResponseController(w)
	encoder := json.NewEncoder(w)
	events := s.log.Subscribe(r.Context())
	_ = flusher.Flush()
	for {
		e, more := <-events
		if more && e.Seq <= after {
			continue
		}
		if !more || encoder.Encode(e) != nil {
			return
		}
		// What is there already goes with it.
		for waiting := true; waiting; {
			select {
			case e, more := <-events:
				if !more || encoder.Encode(e) != nil {
					return
				}
			default:
				waiting = false
			}
		}
		if flusher.Flush() != nil {
			return
		}
	}
}

func (s *Server) now() (Status, error) {
	status := s.status
	status.Missed = s.missed()
	account := s.lab.Account()
	carriers := map[string][]string{}
	for _, h := range s.lab.Hosts() {
		file, err := s.lab.Namespace(h.Name)
		if err != nil {
			return status, err
		}
		status.Hosts = append(status.Hosts, Host{Name: h.Name, Address: h.Address.String(), Groups: append([]string{}, h.Groups...), Namespace: file, ACL: s.acls.stands(h.Name)})
		for _, g := range h.Groups {
			carriers[g] = append(carriers[g], h.Name)
		}
	}
	for _, g := range account.Groups {
		group := Group{ID: g.Key(), Hosts: append([]string{}, carriers[g.Key()]...), Rules: []Rule{}}
		for _, d := range []sg.Direction{sg.Ingress, sg.Egress} {
			for _, r := range g.Rules(d) {
				group.Rules = append(group.Rules, Rule{ID: r.ID, Direction: d, Text: r.String(), Number: s.lab.Number(g.Key(), r.ID)})
			}
		}
		status.Groups = append(status.Groups, group)
	}
	return status, nil
}

// flows are the entries of a host, or of all.
func (s *Server) flows(host string) ([]Flow, error) {
	flows := []Flow{}
	found := false
	for _, h := range s.lab.Hosts() {
		if host != "" && h.Name != host {
			continue
		}
		found = true
		entries, err := s.lab.Flows(h.Name)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			flows = append(flows, s.flowOf(h.Name, e))
		}
	}
	if !found {
		return nil, fmt.Errorf("the lab has no host %s", host)
	}
	return flows, nil
}

func (s *Server) flowOf(host string, e flow.Entry) Flow {
	f := Flow{
		Host: host, Protocol: e.Orig.Protocol.String(), Source: e.Orig.Source.String(), Destination: e.Orig.Destination.String(),
		ConntrackID: e.ID, Packets: e.Sent.Packets, ReplyPackets: e.Got.Packets, Bytes: e.Sent.Bytes, ReplyBytes: e.Got.Bytes,
		TimeoutSeconds: int(e.Timeout / time.Second), Status: e.Status, AdmittingNumber: e.Mark, Key: e.Orig,
	}
	switch e.Orig.Protocol {
	case sg.ICMP, sg.ICMPv6:
		f.ICMPID = &e.Orig.ICMPID
	case sg.TCP, sg.UDP:
		f.SourcePort, f.DestinationPort = &e.Orig.SourcePort, &e.Orig.DestinationPort
	}
	if rule, known := s.lab.Known(e.Mark); known {
		f.AdmittedBy = &rule.ID
		f.AdmittingGone = s.lab.Number(rule.Group, rule.ID) != e.Mark
	}
	return f
}

// rules are the ruleset of a host.
func (s *Server) rules(host string) (Ruleset, error) {
	rs, counters, err := s.lab.Rules(host)
	if err != nil {
		return Ruleset{}, err
	}
	answer := Ruleset{Host: host, Text: rs.Live(counters), Counters: []timeline.Counter{}}
	for _, c := range counters {
		answer.Counters = append(answer.Counters, timeline.Counter{Direction: c.Direction, Rule: c.ID, Number: c.Number, Packets: c.Packets, Bytes: c.Bytes})
	}
	return answer, nil
}

func (s *Server) cut(c CutRequest) (CutAnswer, error) {
	if c.Flow == nil && c.ConntrackID == 0 && c.AdmittedBy == "" && !c.All {
		return CutAnswer{}, errors.New("cut what? a flow, those admitted by a rule, or all")
	}
	if c.Host != "" {
		if _, err := s.lab.Namespace(c.Host); err != nil {
			return CutAnswer{}, err
		}
	}
	admitted := map[uint32]bool{}
	if c.AdmittedBy != "" {
		flows, err := s.flows(c.Host)
		if err != nil {
			return CutAnswer{}, err
		}
		for _, f := range flows {
			admitted[f.AdmittingNumber] = f.AdmittedBy != nil && *f.AdmittedBy == c.AdmittedBy
		}
	}
	n, err := s.lab.Cut(c.Host, func(e flow.Entry) bool {
		return c.All || c.Flow != nil && e.Orig == *c.Flow || c.ConntrackID != 0 && e.ID == c.ConntrackID || admitted[e.Mark]
	})
	return CutAnswer{Cut: n}, err
}

// start starts a stream that nobody holds.
func (s *Server) start(a StreamStart) (Stream, error) {
	protocols := map[string]sg.Protocol{"icmp": sg.ICMP, "tcp": sg.TCP, "udp": sg.UDP}
	protocol, known := protocols[a.Protocol]
	if !known {
		return Stream{}, fmt.Errorf("start stream: %q is none of icmp, tcp and udp", a.Protocol)
	}
	name, err := s.lab.StartStream(scenario.Start{Protocol: protocol, From: a.From, To: a.To, Port: a.Port})
	return Stream{Stream: name}, err
}

// owned accepts connections of the lab's own user only, and of root.
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

// peerOf is the user at the other end of a Unix socket (SO_PEERCRED).
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
