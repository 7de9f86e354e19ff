package scenario

import (
	"runtime"
	"strings"
	"testing"
)

// No file of a megabyte takes more than a moment and 200 MB.
func TestBombs(t *testing.T) {
	const size = 1 << 20
	fill := func(begin, each, end string) string {
		return begin + strings.Repeat(each, (size-len(begin)-len(end))/len(each)) + end
	}
	const marks = "more than 200000 lines and punctuation marks"
	for _, test := range []struct {
		name, text, want string
	}{
		{"list in brackets", fill("hosts: [", "0,", "0]\n"), marks},
		{"list of lines", fill("hosts:\n", "- 0\n", ""), marks},
		{"dashes", fill("hosts:\n", "- ", "0\n"), marks},
		{"braces", fill("hosts: ", "{a: ", "\n"), marks},
		{"mapping in braces", fill("hosts: {", "abcde: 012,", "}\n"), "more than 1000 values in one list or mapping"},
		{"mappings in braces", fill("hosts: [", "{ "+strings.Repeat("abcdefghijklmno: 0,", 999)+"},", "]\n"), ""},
		{"tags", fill("hosts: ", "! ", "\n"), marks},
		{"comments", fill("hosts:\n", "#\n", ""), marks},
		{"texts", fill("hosts: [", `"",`, "0]\n"), marks},
		{"a long text", fill(`hosts: "`, "a ", "\"\n"), ""},
		{"colons", fill("hosts: a", ":", "\n"), marks},
		{"documents", fill("hosts: a\n", "---\n", ""), marks},
		{"aliases", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nhosts: [*c,*c]\n", "anchors and aliases"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read("bomb.yaml", []byte(test.text), nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
		runtime.ReadMemStats(&after)
		if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 200 {
			t.Errorf("%s: allocated %d MB", test.name, allocated)
		}
	}
}
