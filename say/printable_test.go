package say

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"eins\nzwei – 猫 ⚠️":         "eins\nzwei – 猫 ⚠️",
		"\x1bc\x07\r\t\x00\x7f":     `\u001bc\u0007\u000d\u0009\u0000\u007f`,
		"a\u009b2J\u0085b":          `a\u009b2J\u0085b`,
		"\u202egpj.\u2066x":         `\u202egpj.\u2066x`,
		"a\u200bb\ufeff\u00adc":     `a\u200bb\ufeff\u00adc`,
		"\u2028\u2029\u3164":        `\u2028\u2029\u3164`,
		"\U000e0041":                `\U000e0041`,
		"\xff\xfe":                  "\ufffd",
		"::error::x":                `\::error::x`,
		"a\n \u3000::add-mask::":    "a\n \u3000\\::add-mask::",
		"::error file=a,x=::/0::x":  `\::error file=a,x=::/0::x`,
		"x ::error::y, ::/0, ::1":   "x ::error::y, ::/0, ::1",
		"::/0 to 2001:db8::1":       "::/0 to 2001:db8::1",
		"a ##[error]b ##vso[x]":     `a ##\[error]b ##vso\[x]`,
		"\x1b[2m::stop-commands::t": `\u001b[2m::stop-commands::t`,
		"## [heading]":              "## [heading]",
	} {
		if got := Printable(s); got != want {
			t.Errorf("Printable(%q) is\n%q, want\n%q", s, got, want)
		}
	}
	if got, want := Disarmed("\x1b[2m ::stop-commands::t"), "\x1b[2m \\::stop-commands::t"; got != want {
		t.Errorf("before a style %q, want %q", got, want)
	}
}

// What is escaped in JSON is the same for programs, and harmless for a terminal or a CI system.
func TestJSONKeepsValues(t *testing.T) {
	value := map[string]string{"a ##[b]": "\x1b\u009b\u202e\U000e0041\u200b\n\t::error::##vso[x]", "猫": `\u202e`}
	var b bytes.Buffer
	encoder := json.NewEncoder(JSON(&b))
	encoder.SetIndent("", "\t")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v in\n%s", err, &b)
	}
	for key, want := range value {
		if got[key] != want {
			t.Errorf("%q is %q, want %q", key, got[key], want)
		}
	}
	for _, r := range b.String() {
		if hiddenInJSON(r) {
			t.Errorf("%U is written as it is", r)
		}
	}
	if bytes.Contains(b.Bytes(), []byte("##[")) || bytes.Contains(b.Bytes(), []byte("##vso[")) {
		t.Errorf("a command is written:\n%s", &b)
	}
}
