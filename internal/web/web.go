// Package web is the page that plays a run like a video: one HTML file with the
// timeline and the report of it inside, that loads nothing from anywhere; or the
// same page without them, to be fed while a lab runs.
//
// It draws what the timeline says and what package report makes of it, and finds
// out nothing itself.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"

	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

//go:embed page
var files embed.FS

// A Page is what is written.
type Page struct {
	// Lang is the language it begins in, "en" or "ja"; English unless set.
	Lang string
	// Events and the report of them are what it plays.
	Events []timeline.Event
	Report *report.Report
	// Live says that it plays nothing yet: live.js fetches the events from the server
	// that the page came from.
	Live bool
}

// Write writes the page as one file.
func (p Page) Write(w io.Writer) error {
	if err := p.write(w); err != nil {
		return say.Errorf("write page: %w", err)
	}
	return nil
}

// Policy is the Content-Security-Policy of the page, for a server to send as well.
func (p Page) Policy() (string, error) {
	s, err := p.shell()
	return s.Policy, err
}

func (p Page) write(w io.Writer) error {
	s, err := p.shell()
	if err != nil {
		return err
	}
	if !p.Live {
		if s.Record, err = embedded(p.Events); err != nil {
			return err
		}
		reports, err := p.Report.InAll()
		if err != nil {
			return err
		}
		if s.Report, err = embedded(reports); err != nil {
			return err
		}
	}
	return s.write(w)
}

func (p Page) shell() (shell, error) {
	lang := "en"
	if p.Lang == "ja" {
		lang = "ja"
	}
	if p.Live {
		return newShell(files, lang, "'self'", "live.js", "style.css", "controls.css")
	}
	return newShell(files, lang, "'none'", "record.js", "style.css")
}

// A shell is what the template is filled with.
type shell struct {
	Lang, Policy   string
	Style          template.CSS
	Script         template.JS
	Record, Report template.JS
}

// newShell is a page whose script is that entry and what it imports; connect is whom
// it may talk to.
func newShell(files fs.FS, lang, connect, entry string, sheets ...string) (shell, error) {
	script, err := bundle(files, "page", entry)
	if err != nil {
		return shell{}, err
	}
	var style string
	for _, name := range sheets {
		b, err := fs.ReadFile(files, "page/"+name)
		if err != nil {
			return shell{}, err
		}
		style += string(b)
	}
	return shell{Lang: lang, Policy: policy(style, script, connect), Style: template.CSS(style), Script: template.JS(script)}, nil
}

func (s shell) write(w io.Writer) error {
	page, err := template.ParseFS(files, "page/index.html")
	if err != nil {
		return err
	}
	return page.Execute(w, s)
}

// policy allows the page its own style and script, and nothing else.
func policy(style, script, connect string) string {
	return fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data:; connect-src %s; base-uri 'none'; form-action 'none'",
		digest(script), digest(style), connect)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// embedded is a value as JSON that nothing in it can end the script element of.
func embedded(v any) (template.JS, error) {
	b, err := json.Marshal(v) // writes <, > and & as escapes
	if err != nil {
		return "", err
	}
	if bytes.ContainsAny(b, "<>") {
		return "", say.Errorf("embed JSON: it contains a tag")
	}
	return template.JS(b), nil
}
