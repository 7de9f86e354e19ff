package sg

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// No file of a megabyte takes more than a moment and 200 MB, whatever it expands to.
func TestBombs(t *testing.T) {
	const size = 1 << 20
	packed := func(n int, text string) string {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	many := func(each func(int) string, separator string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			if i > 0 {
				b.WriteString(separator)
			}
			b.WriteString(each(i))
		}
		return b.String()
	}
	group := func(permissions string) string {
		return `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [` + permissions + `]}]}`
	}
	for _, test := range []struct {
		name, text, want string
	}{
		{"gzip of zeros", packed(40, strings.Repeat("\x00", size)), "expands to more than 32 MB"},
		{"gzip of space", packed(40, strings.Repeat(" ", size)), "expands to more than 32 MB"},
		{"gzip of numbers", packed(8, "["+strings.Repeat("0,", size)), "more than 700000 values"},
		{"gzip of objects", packed(8, `[`+strings.Repeat("{},", size/3)), "more than 700000 values"},
		{"gzip of YAML", packed(30, "SecurityGroups: ["+strings.Repeat("0,", size/2)), "more than 700000 values"},
		{"gzip of groups in YAML", packed(200000, "- GroupId: sg-1\n  GroupName: name\n  Description: a group of many\n"), "more than 700000 values"},
		{"deep", strings.Repeat("[", size/2) + strings.Repeat("]", size/2), "nested more than 100 levels deep"},
		{"deep again and again", strings.Repeat(strings.Repeat("[", 9000)+strings.Repeat("]", 9000), size/18000), "nested more than 100 levels deep"},
		{"deep YAML", "SecurityGroups: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "nested more than 100 levels deep"},
		{"YAML list", "SecurityGroups: [" + strings.Repeat("0,", size/2) + "0]", "more than 700000 values"},
		{"aliases", "SecurityGroups: []\na: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n", "anchors and aliases"},
		{"sources that are none", group(`{"IpProtocol": "-1", "IpRanges": [` + many(func(i int) string { return fmt.Sprintf("%q", fmt.Sprint(i)) }, ",") + `]}`), "more than 10000 rules cannot be understood"},
		{"sources written twice", group(`{"IpProtocol": "-1", "IpRanges": ["1"], "Ipv4Ranges": [` + many(func(i int) string { return fmt.Sprintf(`"%d.%d"`, i, i) }, ",") + `]}`), "more than 10000 rules cannot be understood"},
		{"prefix lists", `{"PrefixLists": [` + many(func(i int) string { return fmt.Sprintf(`{"PrefixListId": "pl-%08x"}`, i) }, ",") + `]}`, ""},
		{"a large group that many rules refer to", `{"NetworkInterfaces": [` + many(func(i int) string {
			return fmt.Sprintf(`{"NetworkInterfaceId": "eni-%d", "PrivateIpAddress": "10.0.%d.%d", "Groups": [{"GroupId": "sg-1"}]}`, i, i>>8&255, i&255)
		}, ",") + `], ` + group(permissionsFrom(5000, `"UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "1"}]`))[1:], ""},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a := &Account{}
		err := a.Read("bomb.json", strings.NewReader(test.text))
		if a.Audit(); err != nil && test.want == "" || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
		runtime.ReadMemStats(&after)
		if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 200 {
			t.Errorf("%s: allocated %d MB", test.name, allocated)
		}
	}
}
