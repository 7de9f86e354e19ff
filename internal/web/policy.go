package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
)

// servePage serves a page that has everything inside. It may run its own scripts, use its
// own styles, and ask this server; nothing else, whatever is in what it shows.
func servePage(html []byte) http.Handler {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src " + hashes(inlineScript, html), "style-src " + hashes(inlineStyle, html), "connect-src 'self'", "img-src data:",
		"frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'",
	}, "; ")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(html)
	})
	return mux
}

var (
	inlineScript = regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`)
	inlineStyle  = regexp.MustCompile(`(?s)<style[^>]*>(.*?)</style>`)
)

// hashes are the sources of a policy that allow what a page has inline.
func hashes(inline *regexp.Regexp, html []byte) string {
	var sources []string
	for _, part := range inline.FindAllSubmatch(html, -1) {
		sum := sha256.Sum256(part[1])
		sources = append(sources, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return strings.Join(sources, " ")
}
