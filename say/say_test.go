package say

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// testJapanese returns a language with these messages.
func testJapanese(messages map[string]string) *Language { return &Language{"ja", messages} }

func TestSentences(t *testing.T) {
	ja := testJapanese(map[string]string{
		"%s %s NEW to %s": "%[1]s は %[3]s にとって NEW でした",
		"%d rules":        "ルール %d 個",
		"see %s":          "%s を参照",
		"the lab":         "ラボ",
	})
	for _, c := range []struct {
		s               Sentence
		english, native string
	}{
		{F("%s %s NEW to %s", "Seq 1", Agreement("was"), "A"), "Seq 1 was NEW to A", "Seq 1 は A にとって NEW でした"},
		{N(1, "%d rule", "%d rules"), "1 rule", "ルール 1 個"},
		{N(2, "%d rule", "%d rules"), "2 rules", "ルール 2 個"},
		{F("the lab"), "the lab", "ラボ"},
		{F("see %s", F("the lab")), "see the lab", "ラボ を参照"},
		{F("see %s", New("the lab")), "see the lab", "ラボ を参照"},
		{List(", ", F("the lab"), As("100%")), "the lab, 100%", "ラボ, 100%"},
		{F("nobody has said it in Japanese: %d", 5), "nobody has said it in Japanese: 5", "nobody has said it in Japanese: 5"},
		{Sentence{}, "", ""},
		{List(", "), "", ""},
	} {
		if got := c.s.String(); got != c.english {
			t.Errorf("English: %q, not %q", got, c.english)
		}
		if got := c.s.In(ja); got != c.native {
			t.Errorf("Japanese: %q, not %q", got, c.native)
		}
		text, err := json.Marshal(c.s.Keep())
		var kept Kept
		if err = errors.Join(err, json.Unmarshal(text, &kept)); err != nil {
			t.Fatal(err)
		}
		if got := kept.Sentence().String(); got != c.english {
			t.Errorf("kept, in English: %q, not %q", got, c.english)
		}
		if got := kept.Sentence().In(ja); got != c.native {
			t.Errorf("kept, in Japanese: %q, not %q", got, c.native)
		}
	}
}

func TestErrors(t *testing.T) {
	ja := testJapanese(map[string]string{
		"read %s: %w": "%[1]s を読めません: %[2]s", "no such lab": "そのようなラボはありません",
		"%w and %w": "%[2]sと%[1]s",
	})
	none := New("no such lab")
	path := &fs.PathError{Op: "open", Path: "x", Err: none}
	for _, c := range []struct {
		err             error
		english, native string
	}{
		{Errorf("read %s: %w", "x", none), "read x: no such lab", "x を読めません: そのようなラボはありません"},
		{Errorf("read %s: %w", "x", io.EOF), "read x: EOF", "x を読めません: EOF"},
		{Errorf("%w and %w", none, io.EOF), "no such lab and EOF", "EOFとそのようなラボはありません"},
		{errors.Join(none, io.EOF), "no such lab\nEOF", "そのようなラボはありません\nEOF"},
		{fmt.Errorf("foreign: %w", none), "foreign: no such lab", "foreign: そのようなラボはありません"},
		{path, "open x: no such lab", "open x: そのようなラボはありません"},
		{io.EOF, "EOF", "EOF"},
		{nil, "", ""},
	} {
		if got := ja.Error(c.err); got != c.native {
			t.Errorf("Japanese: %q, not %q", got, c.native)
		}
		var english *Language
		if got := english.Error(c.err); got != c.english {
			t.Errorf("English: %q, not %q", got, c.english)
		}
		if c.err != nil && c.err.Error() != c.english {
			t.Errorf("Error: %q, not %q", c.err, c.english)
		}
	}
}

func TestErrorsAreFoundInOthers(t *testing.T) {
	none := New("no such lab")
	path := &fs.PathError{Op: "open", Path: "x", Err: io.EOF}
	one, many := Errorf("read: %w", path), Errorf("%w, %w", none, path)
	var found *fs.PathError
	if !errors.Is(many, none) || !errors.Is(many, io.EOF) || !errors.As(one, &found) || !errors.Is(errors.Unwrap(one), path) {
		t.Error("what is wrapped is not found")
	}
	if errors.Unwrap(many) != nil || errors.Is(one, none) || errors.Is(New("no such lab"), none) {
		t.Error("something else is found")
	}
}

func TestPreferred(t *testing.T) {
	for _, c := range []struct {
		flag string
		env  map[string]string
		want string
	}{
		{"", nil, "en"},
		{"ja", map[string]string{"LABLAB_LANG": "en"}, "ja"},
		{"", map[string]string{"LABLAB_LANG": "ja", "LC_ALL": "C"}, "ja"},
		{"", map[string]string{"LANG": "ja_JP.UTF-8"}, "ja"},
		{"", map[string]string{"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"},
		{"", map[string]string{"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "POSIX"}, "en"},
		{"", map[string]string{"LANG": "de_DE.UTF-8"}, "en"},
		{"", map[string]string{"LC_MESSAGES": "ja"}, "ja"},
		{"", map[string]string{"LANG": "ja_JP.eucJP"}, "en"},
		{"", map[string]string{"LC_ALL": "ja_JP.SJIS"}, "en"},
		{"", map[string]string{"LANG": "ja_JP.utf8@modifier"}, "ja"},
		{"", map[string]string{"LC_MESSAGES": "ja_JP.eucJP", "LC_CTYPE": "C.UTF-8"}, "ja"},
		{"", map[string]string{"LC_MESSAGES": "ja_JP.UTF-8", "LC_CTYPE": "C"}, "en"},
		{"ja", map[string]string{"LC_ALL": "ja_JP.eucJP"}, "ja"},
		{"fr", nil, "fr"}, // kept here; Speak reports the unknown language
	} {
		if got := Preferred(c.flag, func(key string) string { return c.env[key] }); got != c.want {
			t.Errorf("%q, %v: %q, not %q", c.flag, c.env, got, c.want)
		}
	}
}

func TestUTF8(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, true},
		{map[string]string{"LANG": "C"}, false},
		{map[string]string{"LANG": "C.UTF-8"}, true},
		{map[string]string{"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, false},
		{map[string]string{"LC_CTYPE": "UTF-8", "LANG": "C"}, true}, // as macOS sends it over ssh
		{map[string]string{"LANG": "uk_UA.KOI8-U"}, false},
		{map[string]string{"LANG": "de_DE@euro"}, true},
		{map[string]string{"LANG": "en_US.utf8"}, true},
		{map[string]string{"LC_MESSAGES": "C", "LANG": "ja_JP.UTF-8"}, true},
	} {
		if got := utf8(func(key string) string { return c.env[key] }); got != c.want {
			t.Errorf("%v: %v, not %v", c.env, got, c.want)
		}
	}
}

func TestSpeak(t *testing.T) {
	for _, name := range Languages() {
		l, err := Speak(name)
		if err != nil || l.Name() != name {
			t.Errorf("%s: %v, %v", name, l.Name(), err)
		}
	}
	if _, err := Speak("fr"); err == nil {
		t.Error("French is not spoken here")
	}
}

// A record may come from anywhere.
func TestKeptByAnybody(t *testing.T) {
	for _, text := range []string{`{"format":"%999999999d","args":[1]}`, `{"format":"%*d","args":[9999999,1]}`, `{"format":"%.500f","args":[1]}`, `{"one":"%1000s","args":[1]}`, `{"format":"%[1]s%[1]s","args":["a"]}`, `{"format":"%[9999999]s","args":["a"]}`} {
		var k Kept
		if err := json.Unmarshal([]byte(text), &k); err != nil || !k.Sentence().Empty() {
			t.Errorf("%s: %v, %d bytes", text, err, len(k.Sentence().String()))
		}
	}
	nested := strings.Repeat(`{"format":"%s","args":[`, 21) + strings.Repeat(`]}`, 21)
	if err := json.Unmarshal([]byte(nested), &Kept{}); err == nil {
		t.Error("21 sentences in one another are read")
	}
	var k Kept
	if err := json.Unmarshal([]byte(`{"format":"%v %v %v %v","args":[null,true,1.5,{"format":"a"}]}`), &k); err != nil || k.Sentence().String() != "<nil> true 1.5 a" {
		t.Errorf("%s, %v", k.Sentence(), err)
	}
}

func TestParse(t *testing.T) {
	got, err := parse("# why\nmsgid \"a %s\\n\"\n\"b\"\nmsgstr \"\"\n\"い\"\n\nmsgid \"c\"\nmsgstr \"う\"\n")
	if want := []Message{{"a %s\nb", "い"}, {"c", "う"}}; err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%q, %v", got, err)
	}
	for _, wrong := range []string{`"a"`, `msgstr "a"`, `msgid a`, `msgid`, `message "a"`, `msgid "a`} {
		if _, err := parse(wrong); err == nil {
			t.Errorf("%s is read", wrong)
		}
	}
}

func BenchmarkSpeakJapanese(b *testing.B) {
	for b.Loop() {
		if _, err := Speak("ja"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJapanese(b *testing.B) {
	ja, err := Speak("ja")
	if err != nil {
		b.Fatal(err)
	}
	s := F("unknown language %q", "fr")
	for b.Loop() {
		_ = s.In(ja)
	}
}
