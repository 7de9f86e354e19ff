package render

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/say"
)

func TestDiagnosis(t *testing.T) {
	ok := Ability{Name: "veth", Status: "ok", Found: say.As("a pair"), Needed: true}
	slow := Ability{Name: "netlink buffers", Status: "degraded", Found: say.As("4 MB of 32 MB to listen: bursts may be lost"), Hint: say.As("run it as root")}
	six := Ability{Name: "IPv6", Status: "missing", Found: say.As("off"), Hint: say.As("switch it on")}
	deny := Ability{Name: "default deny", Status: "missing", Found: say.As("everything is accepted"), Hint: say.As("fix it"), Needed: true}
	left := Ability{Name: "bridge", Status: "not tried", Found: say.As("needs veth")}
	for _, c := range []struct {
		d    Diagnosis
		want string
	}{
		{Diagnosis{Run: "sudo ./lablab run", Checks: []Ability{ok}}, "" +
			"✓ veth  a pair\n" +
			"\nlablab run works here, as root.\nNext: sudo ./lablab run\n"},
		{Diagnosis{Run: "lablab run", Rootless: true, Checks: []Ability{ok, slow, six}}, "" +
			"✓ veth             a pair\n" +
			"! netlink buffers  4 MB of 32 MB to listen:\n" +
			"                   bursts may be lost\n" +
			"                   run it as root\n" +
			"✗ IPv6             off\n" +
			"                   switch it on\n" +
			"\nlablab run works here, without root, in a\nuser namespace, except scenarios that need:\nIPv6.\nNext: lablab run\n"},
		{Diagnosis{Checks: []Ability{six, deny, left}}, "" +
			"✗ IPv6          off\n" +
			"                switch it on\n" +
			"✗ default deny  everything is accepted\n" +
			"                fix it\n" +
			"· bridge        needs veth\n" +
			"\nlablab run does not work here: default deny:\neverything is accepted.\nNext: fix it\n"},
	} {
		var b bytes.Buffer
		if err := NewText(&b, 44, nil).Diagnosis(&c.d); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(b.String(), "")); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}
