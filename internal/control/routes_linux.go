package control

import (
	"encoding/json"
	"errors"
	"net/http"

	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
)

// public lists the routes that a page in a browser may use. None of them names a file, runs a
// program or returns the name of either.
var public = []string{
	"GET /v1/status", "GET /v1/scenarios", "GET /v1/flows", "GET /v1/events", "GET /v1/report",
	"POST /v1/authorize", "POST /v1/revoke", "POST /v1/groups", "POST /v1/cut", "POST /v1/streams", "POST /v1/streams/stop", "POST /v1/load",
}

// Public returns the part of the API that a page in a browser may use. The page's server decides
// who may use the page.
func (s *Server) Public() http.Handler {
	routes := s.routes()
	routes["GET /v1/status"] = asking(s.keeper, func(k *kept, r *http.Request, _ struct{}) (Status, error) {
		status, err := k.status(r.Context(), s.about)
		status.Web, status.PID = "", 0
		for i := range status.Hosts {
			status.Hosts[i].Namespace, status.Hosts[i].UTS = "", ""
		}
		return status, err
	})
	mux := http.NewServeMux()
	for _, pattern := range public {
		mux.HandleFunc(pattern, routes[pattern])
	}
	return mux
}

// routes returns all routes.
func (s *Server) routes() map[string]http.HandlerFunc {
	k := s.keeper
	return map[string]http.HandlerFunc{
		"GET /v1/status":    asking(k, func(k *kept, r *http.Request, _ struct{}) (Status, error) { return k.status(r.Context(), s.about) }),
		"GET /v1/scenarios": answer(func(r *http.Request, _ struct{}) ([]Scenario, error) { return scenarios(spoken(r)), nil }),
		"GET /v1/flows":     asking(k, func(k *kept, r *http.Request, _ struct{}) ([]Flow, error) { return k.flows(r.URL.Query().Get("host")) }),
		"GET /v1/rules":     asking(k, func(k *kept, r *http.Request, _ struct{}) (Ruleset, error) { return k.rules(r.URL.Query().Get("host")) }),
		"GET /v1/events":    s.events,
		"GET /v1/end":       s.end,
		"GET /v1/report":    s.report,
		"GET /v1/capture":   s.capture,
		"POST /v1/changes": asking(k, func(k *kept, r *http.Request, c Changing) (Effect, error) {
			return k.apply(r.Context(), c.Changes...)
		}),
		"POST /v1/authorize": asking(k, func(k *kept, r *http.Request, c sg.Authorize) (Effect, error) { return k.apply(r.Context(), c) }),
		"POST /v1/revoke":    asking(k, func(k *kept, r *http.Request, c sg.Revoke) (Effect, error) { return k.apply(r.Context(), c) }),
		"POST /v1/groups": asking(k, func(k *kept, r *http.Request, c struct {
			Host   string   `json:"host"`
			Groups []string `json:"groups"`
		}) (Effect, error) {
			return k.apply(r.Context(), sg.Attach{Interface: c.Host, Groups: c.Groups})
		}),
		"POST /v1/acl": asking(k, func(k *kept, r *http.Request, c struct {
			Host string  `json:"host"`
			ACL  *sg.ACL `json:"acl"`
		}) (Effect, error) {
			return k.apply(r.Context(), sg.SetACL{Interface: c.Host, ACL: c.ACL})
		}),
		"POST /v1/observe": asking(k, func(k *kept, r *http.Request, _ struct{}) (Observed, error) {
			err := k.observe(r.Context())
			return Observed{Started: k.started, Last: k.log.Last()}, err
		}),
		"POST /v1/cut":     asking(k, func(k *kept, _ *http.Request, c CutRequest) (CutAnswer, error) { return k.cut(c) }),
		"POST /v1/streams": asking(k, func(k *kept, _ *http.Request, a StreamStart) (Stream, error) { return k.start(a) }),
		"POST /v1/streams/stop": asking(k, func(k *kept, _ *http.Request, a Stream) (Done, error) {
			return Done{}, k.lab.StopStream(a.Stream)
		}),
		"POST /v1/load": answer(func(_ *http.Request, l Load) (Done, error) { return Done{}, s.load(l) }),
		"POST /v1/down": answer(func(*http.Request, struct{}) (Done, error) {
			s.down()
			return Done{}, nil
		}),
	}
}

// asking returns a handler that queries the current lab, and keeps it up meanwhile.
func asking[Q, A any](keeper *Keeper, do func(*kept, *http.Request, Q) (A, error)) http.HandlerFunc {
	return answer(func(r *http.Request, question Q) (A, error) {
		now, release := keeper.hold()
		defer release()
		if now == nil {
			var none A
			return none, ErrDown
		}
		if r.Method == http.MethodPost {
			now.sync(r.Context()) // earlier events of the kernel come before the change
		}
		return do(now, r, question)
	})
}

// answer returns a handler that decodes the request's JSON and writes the result of do.
func answer[Q, A any](do func(*http.Request, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var question Q
		if r.Method == http.MethodPost {
			const longest = 1 << 20 // bytes
			if err := readRequest(http.MaxBytesReader(w, r.Body, longest), &question); err != nil {
				refuse(w, r, http.StatusBadRequest, say.Errorf("read request: %w", err))
				return
			}
		}
		answer, err := do(r, question)
		if err != nil {
			refuse(w, r, http.StatusConflict, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func refuse(w http.ResponseWriter, r *http.Request, code int, err error) {
	why := failure{Message: spoken(r).Error(err), Said: say.KeepError(err)}
	var ec2 *sg.Error
	if errors.As(err, &ec2) {
		why = failure{Code: ec2.Code, Message: ec2.Message}
	}
	if errors.Is(err, ErrDown) {
		code = http.StatusGone
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(why)
}

// spoken returns the language that Accept-Language names by its name alone; English otherwise.
func spoken(r *http.Request) *say.Language {
	l, err := say.Speak(r.Header.Get("Accept-Language"))
	if err != nil {
		return nil
	}
	return l
}

// scenarios returns the built-in scenarios.
func scenarios(l *say.Language) (all []Scenario) {
	for _, name := range scenario.Builtins() {
		sc, _ := scenario.Builtin(name)
		all = append(all, Scenario{Name: name, Title: l.Text(sc.Title)})
	}
	return all
}

// load replaces this lab with that of a built-in scenario.
func (s *Server) load(l Load) error {
	sc, found := scenario.Builtin(l.Scenario)
	if !found {
		return say.Errorf("load scenario: no built-in scenario is called %q", l.Scenario)
	}
	return s.keeper.Load(sc)
}

// end responds when the current lab ends or is replaced. It sends the header at once.
func (s *Server) end(w http.ResponseWriter, r *http.Request) {
	k := s.keeper.current()
	if k == nil {
		refuse(w, r, http.StatusConflict, ErrDown)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).Flush()
	select {
	case <-k.over:
		_ = json.NewEncoder(w).Encode(Done{})
	case <-r.Context().Done():
	}
}

// report writes package report's report of the timeline so far. The parameter words= adds its words
// in that language.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	k := s.keeper.current()
	if k == nil {
		refuse(w, r, http.StatusConflict, ErrDown)
		return
	}
	k.sync(r.Context())
	text, err := k.report.of(r.Context(), k.log, r.URL.Query().Get("words"))
	if err != nil {
		refuse(w, r, http.StatusBadRequest, err) // unless the client has gone
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}
