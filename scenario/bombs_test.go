package scenario

import (
	"runtime"
	"strings"
	"testing"
	"unicode"
)

// No file of a megabyte takes more than a moment and 200 MB: neither one that is refused because of
// its size, nor the largest of its kind that is not.
func TestBombs(t *testing.T) {
	const size = 1 << 20
	const marks = "more than 100000 lines and punctuation marks"
	for _, test := range []struct{ name, begin, each, end, want string }{
		{"list in brackets", "hosts: [", "0,", "0]\n", marks},
		{"long list in brackets", "hosts: [", "abcdefghijk,", "0]\n", "more than 1000 values in one list or mapping"},
		{"list of lines", "hosts:\n", "- 0\n", "", marks},
		{"list of lines at the margin", "", "- 0\n", "", marks},
		{"dashes", "hosts:\n", "- ", "0\n", marks},
		{"braces", "hosts: ", "{a: ", "\n", marks},
		{"mapping in braces", "hosts: {", "abcde: 012,", "}\n", marks},
		{"mappings in braces", "hosts: [", "{ " + strings.Repeat("abcdefghijklmnopqrstuvwxyz: 0,", 999) + "},", "]\n", ""},
		{"mapping of lines", "hosts:\n", "  k:\n", "", marks},
		{"tags", "hosts: ", "! ", "\n", marks},
		{"explicit keys", "hosts: ", "? ", "\n", marks},
		{"comments", "hosts:\n", "#\n", "", marks},
		{"texts", "hosts: [", `"",`, "0]\n", marks},
		{"escapes", `hosts: "`, `\n`, "\"\n", marks},
		{"a long text", `hosts: "`, "a ", "\"\n", ""},
		{"a long key", "", "a", ": 0\n", ""},
		{"a text of lines", "title: |\n", "  x\n", "", marks},
		{"words", "hosts: ", "a ", "\n", ""},
		{"colons", "hosts: a", ":", "\n", marks},
		{"documents", "hosts: a\n", "---\n", "", marks},
		{"aliases", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nhosts: [", "*c,", "*c]\n", marks},
	} {
		want := test.want
		for n := (size - len(test.begin) - len(test.end)) / len(test.each); ; n = n * 9 / 10 {
			text := test.begin + strings.Repeat(test.each, n) + test.end
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Read("bomb.yaml", []byte(text), nil)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", test.name, err, want)
				break
			}
			if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 200 {
				t.Errorf("%s, %d times: allocated %d MB", test.name, n, allocated)
			}
			if !strings.Contains(err.Error(), marks) {
				break
			}
			want = ""
		}
	}
}

// A mark is a line end or what Unicode calls punctuation or a symbol, but for three that names have.
func TestMarks(t *testing.T) {
	for i := range 256 {
		b := byte(i)
		want := b == '\n' || b < 0x80 && unicode.In(rune(b), unicode.P, unicode.S) && !strings.ContainsRune("./_", rune(b))
		if isMark(b) != want {
			t.Errorf("%q is a mark: %v", b, !want)
		}
	}
}
