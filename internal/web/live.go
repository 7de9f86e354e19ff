package web

import (
	"bytes"
	"net/http"

	"lablab/say"
)

// servePage serves the page without a timeline; it is fed while a lab runs. Whatever it shows, it
// may only run its own script, use its own style and send requests to this server.
func servePage() (http.Handler, error) {
	page := Page{Live: true}
	policy, err := page.Policy()
	if err != nil {
		return nil, say.Errorf("serve page: %w", err)
	}
	policy += "; frame-ancestors 'none'; require-trusted-types-for 'script'" // the page cannot set these itself
	var html bytes.Buffer
	if err := page.Write(&html); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(html.Bytes())
	})
	return mux, nil
}
