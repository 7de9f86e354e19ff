package control

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/lab"
	"lablab/packet"
	"lablab/render"
	"lablab/report"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// A served lab answers on a socket and for browsers.
type served struct {
	*Client
	keeper *Keeper
	server *Server
	public *httptest.Server
	down   chan struct{}
}

func serveLab(t *testing.T) *served {
	t.Helper()
	return serveLabOf(t, scenario.FourExperiments())
}

func serveLabOf(t *testing.T, sc *scenario.Scenario) *served {
	t.Helper()
	nstest.Kernel(t)
	nstest.Loopback(t)
	s := &served{down: make(chan struct{})}
	hosts := func([]scenario.Host) error { return nil }
	var err error
	s.keeper, err = Keep(t.Context(), sc, lab.Options{Interval: 10 * time.Millisecond}, hosts)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "lab.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s.server = Serve(s.keeper, Status{Name: "test", PID: 7, Web: "http://127.0.0.1:1/#secret"}, listener, sync.OnceFunc(func() { close(s.down) }))
	s.Client = Dial(filepath.Dir(path), "lab")
	s.public = httptest.NewServer(s.server.Public())
	t.Cleanup(func() {
		s.Close()
		if err := errors.Join(s.keeper.Close(), s.server.Close()); err != nil {
			t.Error(err)
		}
		s.public.Close()
	})
	return s
}

// A browser gets no file, no process and no token, and cannot reach routes that are not public.
func TestPublic(t *testing.T) {
	s := serveLab(t)
	for route, want := range map[string]int{
		"GET /v1/status": 200, "GET /v1/scenarios": 200, "GET /v1/flows": 200, "GET /v1/report": 200, "POST /v1/streams": 409,
		"GET /v1/capture?host=A": 404, "GET /v1/rules?host=A": 404, "POST /v1/down": 404, "POST /v1/acl": 404, "POST /v1/exec": 404, "GET /v1/load": 405, "GET /v1/": 404, "GET /": 404,
	} {
		method, path, _ := strings.Cut(route, " ")
		request, _ := http.NewRequestWithContext(t.Context(), method, s.public.URL+path, strings.NewReader("{}"))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %s, want %d", route, response.Status, want)
		}
		for _, secret := range []string{"secret", "/proc/", `"pid"`, "namespace"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s shows %q: %s", route, secret, text)
			}
		}
	}
	select {
	case <-s.down:
		t.Error("it was taken down")
	default:
	}
	status, err := s.Status(t.Context())
	if err != nil || status.Web == "" || status.PID != 7 || status.Hosts[0].Namespace == "" {
		t.Errorf("its owner gets %+v, %v", status, err)
	}
}

// A client that subscribes after the lab is down gets no events.
func TestWatchedTooLate(t *testing.T) {
	s := serveLab(t)
	if err := s.keeper.Close(); err != nil {
		t.Fatal(err)
	}
	if e, more := <-s.keeper.Events(t.Context()); more {
		t.Errorf("a lab that is gone reports %v", e)
	}
}

// Every watcher sees the end of one timeline and the beginning of the next, each event once. Later
// requests go to the new lab.
func TestLoad(t *testing.T) {
	t.Parallel()
	s := serveLab(t)
	const watchers = 10
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var begun, done sync.WaitGroup
	begun.Add(watchers)
	seen := make([][]string, watchers)
	for i := range watchers {
		done.Go(func() {
			ready := 0
			_ = s.Events(ctx, func() {}, func(e timeline.Event) error {
				text, err := json.Marshal(e)
				seen[i] = append(seen[i], string(text))
				if _, is := e.Body.(timeline.Ready); is {
					if ready++; ready == 1 {
						begun.Done()
					} else {
						return errors.New("enough")
					}
				}
				return err
			})
		})
	}
	begun.Wait()
	was, err := s.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.StartStream(t.Context(), StreamStart{Protocol: "icmp", From: "B", To: "A"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context(), "reference"); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	for i := range seen {
		if got, want := strings.Join(seen[i], "\n"), strings.Join(seen[0], "\n"); got != want {
			t.Errorf("watcher %d has seen\n%s\nand the first\n%s", i, got, want)
		}
	}
	all := strings.Join(seen[0], "\n")
	if !strings.Contains(all, `"kind":"ended","body":{}}`+"\n"+`{"seq":1,`) || strings.Count(all, `"kind":"begun"`) != 2 {
		t.Errorf("no end that is followed by a beginning:\n%s", all)
	}
	now, err := s.Status(t.Context())
	if err != nil || now.Scenario != "reference" || len(now.Hosts) != 3 || !now.Started.After(was.Started) || now.PID != was.PID {
		t.Errorf("the lab is now %+v, %v", now, err)
	}
	if _, err := s.Flows(t.Context(), now.Hosts[2].Name); err != nil {
		t.Error(err)
	}
}

// Loading a scenario that is not built in, or cannot be built, leaves the lab as it is.
func TestLoadFails(t *testing.T) {
	s := serveLab(t)
	stream, err := s.StartStream(t.Context(), StreamStart{Protocol: "icmp", From: "B", To: "A"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "nothing", "/etc/passwd", "../course/ping", "ping.yaml"} {
		if err := s.Load(t.Context(), name); err == nil {
			t.Errorf("%q is loaded", name)
		}
	}
	refused := errors.New("no such thing")
	s.keeper.prepare = func([]scenario.Host) error { return refused }
	if err := s.Load(t.Context(), "swap"); err == nil || !strings.Contains(err.Error(), refused.Error()) {
		t.Errorf("load: %v", err)
	}
	status, err := s.Status(t.Context())
	if err != nil || status.Scenario != "ping" {
		t.Errorf("%+v, %v", status, err)
	}
	if err := s.StopStream(t.Context(), stream); err != nil {
		t.Errorf("the stream is gone: %v", err)
	}
}

// Labs replace each other while other clients query, change and watch them. The final take-down
// happens meanwhile.
func TestLoadUnderFire(t *testing.T) {
	t.Parallel()
	s := serveLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	var firing sync.WaitGroup
	ask := func(do func() error) {
		firing.Go(func() {
			for ctx.Err() == nil {
				_ = do() // hosts, groups and rules may already be another lab's
			}
		})
	}
	ask(func() error { _, err := s.Status(ctx); return err })
	ask(func() error { _, err := s.Flows(ctx, ""); return err })
	ask(func() error { _, err := s.Cut(ctx, CutRequest{All: true}); return err })
	ask(func() error { _, err := s.Apply(ctx, sg.Revoke{Group: "lab", IDs: []string{"icmp"}}); return err })
	ask(func() error { _, err := s.Apply(ctx, sg.Authorize{Group: "lab", IDs: []string{"icmp"}}); return err })
	ask(func() error {
		_, err := s.StartStream(ctx, StreamStart{Protocol: "udp", From: "B", To: "A", Port: 53})
		return err
	})
	ask(func() error { _, err := s.Capture(ctx, "A", 5, 50*time.Millisecond, func() {}, io.Discard); return err })
	ask(func() error { return s.Events(ctx, func() {}, func(timeline.Event) error { return ctx.Err() }) })
	for i := range 6 {
		if err := s.Load(t.Context(), []string{"swap", "ping", "ipv6"}[i%3]); err != nil {
			t.Error(err)
		}
	}
	firing.Go(func() { _ = s.Load(t.Context(), "ping") }) // may succeed or fail
	if err := s.keeper.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Apply(t.Context(), sg.Revoke{Group: "lab", IDs: []string{"icmp"}}); err == nil || !strings.Contains(err.Error(), ErrDown.Error()) {
		t.Errorf("a change after the end: %v", err)
	}
	cancel()
	firing.Wait()
}

// A client that reconnects continues where the connection broke. If that timeline has been
// replaced, or has forgotten the next event, the client gets the current one from its beginning.
func TestComingBack(t *testing.T) {
	s := serveLab(t)
	first := func(query string) timeline.Event {
		t.Helper()
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.public.URL+"/v1/events?"+query, nil)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		line, err := bufio.NewReader(response.Body).ReadBytes('\n')
		var e timeline.Event
		if err := errors.Join(err, json.Unmarshal(line, &e)); err != nil {
			t.Fatalf("%s: %v: %s", query, err, line)
		}
		return e
	}
	begun := first("").Body.(timeline.Begun)
	started := "&started=" + begun.Started.Format(time.RFC3339Nano)
	if e := first("after=4" + started); e.Seq != 5 {
		t.Errorf("it goes on with %+v", e)
	}
	if e := first("after=4&started=2001-01-01T00:00:00Z"); e.Seq != 1 {
		t.Errorf("of another timeline it goes on with %+v", e)
	}
	log := s.keeper.current().log
	log.Keep(50)
	for range 200 {
		log.Append(timeline.Sent{Stream: "x"})
	}
	if e := first("after=20" + started); e.Seq != 1 {
		t.Errorf("with a gap it goes on with %+v", e)
	}
	if e := first(fmt.Sprint("after=", log.Last()-1, started)); e.Seq != log.Last() {
		t.Errorf("it goes on with %+v", e)
	}
	last := log.Last() - 1
	for e := range s.keeper.follow(t.Context(), s.keeper.current(), last, true) { // ends although the lab continues
		if e.Seq != last+1 {
			t.Fatalf("who has fallen behind is given event %d after %d", e.Seq, last)
		}
		last = e.Seq
		for range 200 {
			log.Append(timeline.Sent{Stream: "x"})
		}
		log.Append(timeline.StreamStopped{Stream: "x"}) // a Sent event alone may be delivered late
	}
	if err := s.Load(t.Context(), "swap"); err != nil {
		t.Fatal(err)
	}
	if e := first(fmt.Sprint("after=", log.Last(), started)); e.Seq != 1 {
		t.Errorf("after a load it goes on with %+v", e)
	}
}

// The report covers the timeline, is made once for many requests, and is never older than the
// request.
func TestReport(t *testing.T) {
	t.Parallel()
	s := serveLab(t)
	log := s.keeper.current().log
	var asking sync.WaitGroup
	for range 10 {
		asking.Go(func() {
			response, err := http.Get(s.public.URL + "/v1/report")
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			got, _ := io.ReadAll(response.Body)
			var want bytes.Buffer
			if err := render.JSON(&want, report.Of(log.Events())); err != nil || !bytes.Equal(got, want.Bytes()) {
				t.Errorf("the report is\n%s\nwant\n%s", got, &want)
			}
		})
	}
	asking.Wait()
	made := s.keeper.current().report.due
	if _, err := s.Apply(t.Context(), sg.Revoke{Group: "lab", IDs: []string{"icmp"}}); err != nil {
		t.Fatal(err)
	}
	text, err := s.keeper.current().report.of(t.Context(), log, "")
	if err != nil || !strings.Contains(string(text), `"revoked_in"`) {
		t.Errorf("the report does not know of the revoked rule: %v", err)
	}
	if time.Now().Before(made) {
		t.Error("it was made again within a second")
	}
	var both render.Translated
	text, err = s.keeper.current().report.of(t.Context(), log, "ja")
	if err := errors.Join(err, json.Unmarshal(text, &both)); err != nil || both.Report.Title == "" || both.Words["ja"].Title == "" || both.Report.Title == both.Words["ja"].Title {
		t.Errorf("in Japanese: %+v, %v", both, err)
	}
	if _, err := s.keeper.current().report.of(t.Context(), log, "xx"); err == nil {
		t.Error("a language that nobody speaks")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	log.Append(timeline.Sent{Stream: "x"})
	s.keeper.current().report.mu.Lock()
	s.keeper.current().report.due = time.Now().Add(time.Hour)
	s.keeper.current().report.mu.Unlock()
	if _, err := s.keeper.current().report.of(ctx, log, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone is waited for: %v", err)
	}
}

// Ten suspended browsers hold up neither the lab nor a client that reads.
func TestStoppedBrowsers(t *testing.T) {
	t.Parallel()
	s := serveLab(t)
	for range 10 {
		conn, err := net.Dial("tcp", s.public.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /v1/events HTTP/1.1\r\nHost: lab\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	const many = 10_000
	padding := strings.Repeat("x", 1000) // many times the capacity of a socket
	log := s.keeper.current().log
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		for i := range many {
			log.Append(timeline.Sent{Stream: padding, Seq: i})
		}
	}()
	select {
	case <-flooded:
	case <-time.After(10 * time.Second):
		t.Fatal("the lab is held up")
	}
	if _, err := s.Apply(t.Context(), sg.Revoke{Group: "lab", IDs: []string{"icmp"}}); err != nil {
		t.Fatal(err)
	}
	last := uint64(0)
	enough := errors.New("enough")
	err := s.Events(t.Context(), func() {}, func(e timeline.Event) error {
		if e.Seq != last+1 {
			return fmt.Errorf("event %d after %d", e.Seq, last)
		}
		last = e.Seq
		if _, is := e.Body.(timeline.RuleRevoked); is {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

// Several changes are made together, and reported together, or none is.
func TestChanges(t *testing.T) {
	sc := scenario.FourExperiments()
	office := netip.MustParsePrefix("10.255.1.10/32")
	sc.Account.PrefixLists = []sg.PrefixList{{ID: "office", Known: true, Entries: []netip.Prefix{office}}}
	sc.Account.Groups[0].Ingress = []sg.Rule{{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, PrefixList: "office"}}
	s := serveLabOf(t, sc)
	ping(t, s)
	empty := sg.ModifyPrefixList{PrefixList: "office", Remove: []netip.Prefix{office}}
	var refused *sg.Error
	if _, err := s.Apply(t.Context(), empty, sg.Revoke{Group: "lab", IDs: []string{"telnet"}}); !errors.As(err, &refused) || refused.Code != sg.RuleNotFound {
		t.Errorf("with a rule that does not exist: %v", err)
	}
	status, err := s.Status(t.Context())
	if err != nil || !slices.Equal(status.PrefixLists[0].Entries, []netip.Prefix{office}) || status.Hosts[0].ACL {
		t.Errorf("after a change that was refused: %+v, %v", status, err)
	}
	done, err := s.Apply(t.Context(), empty, sg.SetACL{Interface: "A", ACL: &sg.ACL{}})
	if err != nil || !reflect.DeepEqual(done, Effect{Outlived: 1, Denied: 1}) {
		t.Errorf("%+v, %v", done, err)
	}
	if status, err = s.Status(t.Context()); err != nil || len(status.PrefixLists[0].Entries) != 0 || !status.Hosts[0].ACL {
		t.Errorf("after the change: %+v, %v", status, err)
	}
}

// A client cannot set rules that a scenario cannot have.
func TestRulesThatCannotBe(t *testing.T) {
	s := serveLab(t)
	rule := sg.Rule{ID: "web", Protocol: packet.TCP, From: 80, To: 80, Peer: netip.MustParsePrefix("10.0.0.0/8")}
	for _, id := range []string{"established", "default-deny", "acl-1", ""} {
		named := rule
		named.ID = id
		var refused *sg.Error
		if _, err := s.Apply(t.Context(), sg.Authorize{Group: "lab", Direction: packet.Ingress, Rules: []sg.Rule{named}}); !errors.As(err, &refused) || refused.Code != sg.Malformed {
			t.Errorf("%q: %v", id, err)
		}
	}
	sideways := sg.Authorize{Group: "lab", Direction: "sideways", Rules: []sg.Rule{rule}}
	for _, change := range []sg.Change{sideways, sg.Revoke(sideways)} {
		var refused *sg.Error
		if _, err := s.Apply(t.Context(), change); !errors.As(err, &refused) || refused.Code != sg.Malformed {
			t.Errorf("sideways: %v", err)
		}
	}
}

// A status is consistent: a rule is in force or revoked, never both and never neither.
func TestStatusIsOfOneMoment(t *testing.T) {
	t.Parallel()
	s := serveLab(t)
	flipped := make(chan error, 1)
	flip := s.keeper.current().lab.Apply // does not count flows, which would take most of the time
	go func() {
		for range 200 {
			_, revoked := flip(t.Context(), sg.Revoke{Group: "lab", IDs: []string{"icmp"}})
			_, authorized := flip(t.Context(), sg.Authorize{Group: "lab", IDs: []string{"icmp"}})
			if err := cmp.Or(revoked, authorized); err != nil {
				flipped <- err
				return
			}
		}
		flipped <- nil
	}()
	for {
		status, err := s.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		is := func(r Rule) bool { return r.ID == "icmp" && r.Number > 0 }
		if g := status.Groups[0]; slices.ContainsFunc(g.Rules, is) == slices.ContainsFunc(g.Revoked, is) {
			t.Fatalf("in force %+v, revoked %+v", g.Rules, g.Revoked)
		}
		select {
		case err := <-flipped:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}

// Status and report count what was lost since the lab began, also after the events are forgotten
// that reported it and the report was made anew.
func TestLossesStay(t *testing.T) {
	t.Parallel()
	s := serveLab(t)
	log := s.keeper.current().log
	log.Keep(500)
	told := func() (status int, r report.Missed) {
		t.Helper()
		about, err := s.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.keeper.current().report.mu.Lock()
		s.keeper.current().report.due = time.Time{}
		s.keeper.current().report.mu.Unlock()
		text, err := s.keeper.current().report.of(t.Context(), log, "")
		var explained report.Report
		if err := errors.Join(err, json.Unmarshal(text, &explained)); err != nil {
			t.Fatal(err)
		}
		return about.Missed, explained.Missed
	}
	verdicts := 0
	for i := range 5 {
		verdicts += 100 + i
		log.Append(timeline.Missed{Host: "A", What: timeline.MissedVerdicts, Count: 100 + i, Total: verdicts})
		log.Append(timeline.Missed{Host: "B", What: timeline.MissedEvents, Count: 1, Total: i + 1})
		for range 2000 {
			log.Append(timeline.Halted{})
		}
		want := report.Missed{Verdicts: verdicts, Events: i + 1}
		if status, reported := told(); status != want.Verdicts+want.Events || reported != want {
			t.Errorf("round %d: status has lost %d, the report %+v, want %+v", i, status, reported, want)
		}
	}
}
