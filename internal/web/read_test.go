package web

import (
	"bytes"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"

	"lablab/internal/recordtest"
)

// Whatever a page has, it takes no more memory than its events, and is read to its end at most once.
func TestHostilePages(t *testing.T) {
	const page = "<!doctype html>" + recordBegins
	endless := func(each string) io.Reader { return io.LimitReader(endlessly(each), 100<<20) }
	for name, c := range map[string]struct {
		page io.Reader
		want string
	}{
		"no record":         {io.MultiReader(strings.NewReader("<!doctype html>"), endless("x")), "read page: it contains no record"},
		"nearly a record":   {io.MultiReader(strings.NewReader("<!doctype html>"), endless(recordBegins[1:])), "read page: it contains no record"},
		"no list":           {strings.NewReader(page + `{}</script>`), "read page: its record is not a list"},
		"blanks":            {io.MultiReader(strings.NewReader(page), endless(" ")), "read page: its record is not a list"},
		"brackets":          {io.MultiReader(strings.NewReader(page+"["), endless("[")), "read page: invalid character '[' exceeded max depth"},
		"objects":           {io.MultiReader(strings.NewReader(page+"["), endless("{},")), `read page: unknown event kind ""`},
		"cut off":           {strings.NewReader(page + "["), "read page: EOF"},
		"two records":       {strings.NewReader(page + `[]` + page + `[]</script>`), "read page: something follows its record"},
		"a record in words": {strings.NewReader(page + `[] []</script>`), "read page: something follows its record"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(c.page)
		runtime.ReadMemStats(&after)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 200 {
			t.Errorf("%s: allocated %d MB", name, allocated)
		}
	}
}

// endlessly reads a text again and again.
func endlessly(text string) io.Reader { return &repeated{text: text} }

type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(b []byte) (n int, err error) {
	for n < len(b) {
		copied := copy(b[n:], r.text[r.at:])
		n, r.at = n+copied, (r.at+copied)%len(r.text)
	}
	return n, nil
}

// A page that can be read is a record that can be read.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"ping", "cut", "interrupted"} {
		events, err := json.Marshal(recordtest.Read(f, name)[:20])
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte("<!doctype html>" + recordBegins + string(events) + "</script>"))
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		events, err := Read(bytes.NewReader(page))
		if err != nil {
			return
		}
		var record bytes.Buffer
		for _, e := range events {
			if err := json.NewEncoder(&record).Encode(e); err != nil {
				t.Fatal(err)
			}
		}
		if again, err := Read(&record); err != nil || len(again) != len(events) {
			t.Errorf("%d events, then %d, %v", len(events), len(again), err)
		}
	})
}
