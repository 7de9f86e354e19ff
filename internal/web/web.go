// Package web makes the page that plays a run like a video. It is one HTML file that contains
// the timeline and its report and loads nothing else. Without them, the same page is fed
// while a lab runs.
//
// The page draws the timeline and what package report derives from it. It derives nothing
// itself.
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

	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

//go:embed page
var files embed.FS

// A Page is the content of one HTML file.
type Page struct {
	// Lang is the initial language, "en" or "ja"; English if empty.
	Lang string
	// Events are the timeline to play, and Report is its report.
	Events []timeline.Event
	Report *report.Report
	// Next is the scenario to look at next; empty for none.
	Next Next
	// Live makes a page without events: live.js fetches them from the server that served the page.
	Live bool
}

// A Next is a scenario that a page recommends: its name for lablab run, and its question in English.
type Next struct{ Name, Question string }

// in returns it with its question in every language.
func (n Next) in(languages []string) (any, error) {
	questions := map[string]string{}
	for _, name := range languages {
		l, err := say.Speak(name)
		if err != nil {
			return nil, err
		}
		questions[name] = l.Text(n.Question)
	}
	return map[string]any{"name": n.Name, "question": questions}, nil
}

// Write writes the page as one file.
func (p Page) Write(w io.Writer) error {
	if err := p.write(w); err != nil {
		return say.Errorf("write page: %w", err)
	}
	return nil
}

// Policy returns the page's Content-Security-Policy, for a server to send as a header too.
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
		f, err := p.film()
		if err != nil {
			return err
		}
		s.Films = append(s.Films, f)
		if p.Next != (Next{}) {
			next, err := p.Next.in(say.Languages())
			if err != nil {
				return err
			}
			if s.Next, err = embedded(next); err != nil {
				return err
			}
		}
	}
	return s.write(w)
}

// A film is the timeline of a run, its report and what is said about it. The suffix of the elements'
// ids tells the films of a page apart.
type film struct {
	Record, Report, Narration template.JS
	Suffix                    string
}

func (p Page) film() (f film, err error) {
	if f.Record, err = embedded(p.Events); err != nil {
		return film{}, err
	}
	translated, err := render.In(p.Report, say.Languages()...)
	if err != nil {
		return film{}, err
	}
	if f.Report, err = embedded(translated); err != nil {
		return film{}, err
	}
	in, err := render.NewInterpreter()
	if err != nil {
		return film{}, err
	}
	f.Narration, err = embedded(in.Narrate(p.Events))
	return f, err
}

// language returns the name of a language that the page has.
func language(name string) string {
	if name == "ja" {
		return name
	}
	return "en"
}

func (p Page) shell() (shell, error) {
	lang := language(p.Lang)
	if p.Live {
		return newShell(files, lang, "'self'", "live.js", "style.css", "controls.css")
	}
	return newShell(files, lang, "'none'", "record.js", "style.css")
}

// A shell is the data of the template.
type shell struct {
	Lang, Policy string
	Style        template.CSS
	Script       template.JS
	Vocabulary   template.JS
	Comparison   template.JS
	Next         template.JS
	Films        []film
}

// newShell returns a page whose script is entry and the modules that it imports. The page may
// connect to connect.
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
	in, err := render.NewInterpreter()
	if err != nil {
		return shell{}, err
	}
	vocabulary, err := embedded(in.Vocabulary())
	return shell{
		Lang: lang, Policy: policy(style, script, connect), Style: template.CSS(style), Script: template.JS(script), Vocabulary: vocabulary,
	}, err
}

func (s shell) write(w io.Writer) error {
	page, err := template.ParseFS(files, "page/index.html")
	if err != nil {
		return err
	}
	return page.Execute(w, s)
}

// policy allows only the page's own style and script.
func policy(style, script, connect string) string {
	return fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data:; connect-src %s; base-uri 'none'; form-action 'none'",
		digest(script), digest(style), connect)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// embedded returns a value as JSON that cannot end the script element.
func embedded(v any) (template.JS, error) {
	b, err := json.Marshal(v) // escapes <, > and &
	if err != nil {
		return "", err
	}
	if bytes.ContainsAny(b, "<>") {
		return "", say.Errorf("embed JSON: it contains a tag")
	}
	return template.JS(b), nil
}
