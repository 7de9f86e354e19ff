package cli

import (
	"strings"
	"testing"

	"lablab/internal/control"
	"lablab/say"
)

// The lines of several hosts are aligned in columns, in each language.
func TestStatusOfHosts(t *testing.T) {
	status := control.Status{Name: "lab", Scenario: "ping", Hosts: []control.Host{
		{Name: "A", Address: "10.255.1.197/16", Groups: []string{"lab", "web"}},
		{Name: "office", Address: "10.255.1.1/16", Groups: []string{}},
	}}
	entries := map[string]int{"A": 2}
	const english = `  host A       10.255.1.197/16  groups: lab, web  conntrack entries: 2
  host office  10.255.1.1/16    groups: none      conntrack entries: 0`
	const japanese = `  ホスト A       10.255.1.197/16  グループ: lab、web  conntrack エントリ: 2
  ホスト office  10.255.1.1/16    グループ: なし      conntrack エントリ: 0`
	for name, want := range map[string]string{"en": english, "ja": japanese} {
		l, err := say.Speak(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(statusLines(l, status, entries, nil)[1:], "\n"); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}
