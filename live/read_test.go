package live

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/sg"
)

var update = flag.Bool("update", false, "write the golden files")

// described lists flows and notes, one per line.
func described(f *Flows) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d lines\n", f.Kind, f.Lines)
	if !f.Until.IsZero() {
		fmt.Fprintf(&b, "until %s\n", f.Until.Format(time.RFC3339))
	}
	for _, h := range f.Hosts {
		fmt.Fprintf(&b, "host %s %v %v\n", h.ID, h.Groups, h.Addresses)
	}
	for _, f := range f.All {
		fmt.Fprintf(&b, "%d: %s", f.Line, f.Key)
		if f.Protocol.IsICMP() {
			fmt.Fprintf(&b, " type %d", f.ICMPType)
		}
		for _, word := range []string{f.Host, string(f.Direction), f.TCP} {
			if word != "" {
				b.WriteString(", " + word)
			}
		}
		for _, is := range []struct {
			so   bool
			text string
		}{{f.Replied, "replied"}, {f.New, "new"}, {f.Rejected, "rejected"}, {f.Guessed, "guessed"}} {
			if is.so {
				b.WriteString(", " + is.text)
			}
		}
		if f.Reply != nil {
			fmt.Fprintf(&b, ", replies %s", f.Reply)
		}
		if f.Packets > 0 {
			fmt.Fprintf(&b, ", %d packets", f.Packets)
		}
		if f.Bytes > 0 {
			fmt.Fprintf(&b, ", %d bytes", f.Bytes)
		}
		for _, at := range []struct {
			name string
			time time.Time
		}{{"first", f.First}, {"last", f.Last}} {
			if !at.time.IsZero() {
				fmt.Fprintf(&b, ", %s %s", at.name, at.time.Format(time.RFC3339))
			}
		}
		for _, of := range []struct {
			name string
			time time.Duration
		}{{"idle", f.Idle}, {"left", f.Left}} {
			if of.time != 0 {
				fmt.Fprintf(&b, ", %s %s", of.name, of.time)
			}
		}
		b.WriteString("\n")
	}
	for _, n := range f.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

// inputs are the files of flows, each with the answer that is expected in a file with the suffix .golden.
func inputs(t testing.TB) (names []string) {
	t.Helper()
	all, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if filepath.Ext(name) != ".golden" && name != filepath.Join("testdata", "fuzz") {
			names = append(names, name)
		}
	}
	return names
}

func TestReadsEachKind(t *testing.T) {
	for _, name := range inputs(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			flows, err := Read(name, bytes.NewReader(text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := described(flows)
			if *update {
				if err := os.WriteFile(name+".golden", []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := Read(name, compressed(t, text), Options{})
			if err != nil || described(again) != got {
				t.Errorf("with gzip: %v", err)
			}
		})
	}
}

func compressed(t testing.TB, text []byte) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return &b
}

// A file that was cut off is read as far as it goes, and the notes say so.
func TestTruncated(t *testing.T) {
	entry := "udp 17 29 src=10.0.1.5 dst=10.0.0.2 sport=%d dport=53 src=10.0.0.2 dst=10.0.1.5 sport=53 dport=%d mark=0 use=1\n"
	var text strings.Builder
	for port := range 5000 {
		fmt.Fprintf(&text, entry, port, port)
	}
	whole := compressed(t, []byte(text.String())).Bytes()
	for name, cut := range map[string][]byte{"gzip": whole[:len(whole)/2], "text": []byte(text.String()[:text.Len()-80])} {
		flows, err := Read("f", bytes.NewReader(cut), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("1 file ends early, in line %d: flows are missing", flows.Lines); len(flows.Notes) != 1 || flows.Notes[0].String() != want || len(flows.All) < 1000 || len(flows.All) != flows.Lines-1 {
			t.Errorf("%s: %d flows of %d lines, notes %q", name, len(flows.All), flows.Lines, flows.Notes)
		}
	}
}

// What cannot be read gets one error, with its place and usually how to fix it.
func TestBadInput(t *testing.T) {
	ours := func(members string) string {
		return `{"host":"web","from":"10.0.0.1","protocol":"udp","port":53}` + "\n{" + members + "}\n"
	}
	for _, test := range []struct{ name, text, err, hint string }{
		{"empty", "\n \n", "f:1:1: the file is empty", "if there is no connection, leave the file out"},
		{"Parquet", "PAR1\x15\x04", "f:1:1: this is Parquet", `convert it: duckdb -csv -c "FROM 'FILE'" > FILE.csv`},
		{"binary", "tcp\x00", "f:1:1: this is not text", ""},
		{"a plan", "Terraform will perform the following actions:\n", "f:1:1: this is not a list of connections that lablab knows", known.String()},
		{"JSON of a plan", "{\n  \"format_version\": \"1.2\"\n}\n", "f:1:1: this is not a list of connections that lablab knows", known.String()},
		{"JSON of CloudWatch Logs", "{\n    \"events\": [\n", "f:1:1: this is the output of aws logs as JSON", "take the messages out of it: add --query 'events[].[message]' --output text"},
		{"no entry", "tcp 6 300 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2\n", "f:1:1: it is incomplete: an entry has the addresses of both directions, and ports for TCP and UDP", known.String()},
		{"cut off at once", "tcp 6 300 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2", "f:1:1: the file ends early", "write the file again: it is incomplete"},
		{"names of services", "ESTAB 0 0 10.0.0.1:ssh 10.0.0.2:51234\n", "f:1:1: this is not a socket as ss prints it with -n", known.String()},
		{"XML", "<conntrack>\n<flow <meta>", "f:2:1: not valid XML: there is a < in a tag", ""},
		{"long XML", "<conntrack>\n<flow " + strings.Repeat("a", 1<<17), "f:2:1: not valid XML: a tag does not end", ""},
		{"half a flow log", "version srcaddr dstaddr protocol\n2 10.0.0.1 10.0.0.2 6\n", "f:2:1: the format of the flow log has no srcport, which tells flows apart", "create the flow log with at least ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${tcp-flags}"},
		{"flow log without header", "10.0.0.1 10.0.0.2 1024 443 6 ACCEPT\n", "f:1:1: this is a VPC flow log in a format of its own, without the line that names its fields", "give the format that the flow log was created with: --log-format '${version} ${srcaddr} …'"},
		{"flow log", "2 123456789010 eni-0a1 10.0.0.20 10.0.1.5 51234 99999 6 20 4249 1795879200 1795879259 ACCEPT OK\n\n", "f:1:1: field dstport: unexpected value \"99999\"", known.String()},
		{"unknown member", ours(`"host":"web","from":"10.0.0.1","protocol":"udp","prot":53`), `f:2:1: not a flow: unknown field "prot"`, ""},
		{"half a flow", ours(`"host":"web","from":`), "f:2:1: not a flow: invalid character '}' looking for beginning of value", ""},
		{"cut off", strings.TrimSuffix(ours(`"host":"web","from":"1`), "\"}\n"), "f:2:1: the flow is incomplete", "write one flow per line, and the whole of it"},
		{"several", ours(`"host":"web","from":"10.0.0.1","protocol":"udp","port":53} {`), "f:2:1: there is more than one value", "write one flow per line"},
		{"wrong type", ours(`"host":"web","from":"10.0.0.1","protocol":"udp","port":70000`), "f:2:1: port has a wrong value: number 70000", ""},
		{"no protocol", ours(`"host":"web","from":"10.0.0.1","port":443`), `f:2:1: protocol is "": want tcp, udp, icmp, icmpv6 or a number`, ""},
		{"all protocols", ours(`"host":"web","from":"10.0.0.1","protocol":-1`), `f:2:1: protocol is "-1": want tcp, udp, icmp, icmpv6 or a number`, ""},
		{"no port", ours(`"host":"web","from":"10.0.0.1","protocol":"tcp"`), "f:2:1: port is missing", ""},
		{"port of ICMP", ours(`"host":"web","from":"10.0.0.1","protocol":"icmp","port":8`), "f:2:1: protocol icmp has no ports", ""},
		{"type of TCP", ours(`"host":"web","from":"10.0.0.1","protocol":"tcp","port":8,"type":8`), "f:2:1: protocol tcp has no type, code and id", ""},
		{"no address", ours(`"host":"web","from":"ten","protocol":"tcp","port":8`), `f:2:1: from: "ten" is not an IP address`, ""},
		{"no source", ours(`"host":"web","to":"10.0.0.1","protocol":"tcp","port":8`), "f:2:1: from is missing", ""},
		{"no destination", ours(`"host":"web","direction":"out","from":"10.0.0.1","protocol":"tcp","port":8`), "f:2:1: to is missing", ""},
		{"no host", ours(`"from":"10.0.0.1","protocol":"tcp","port":8`), "f:2:1: host is missing: without it, the flow needs from and to", ""},
		{"two versions", ours(`"from":"10.0.0.1","to":"2001:db8::1","protocol":"tcp","port":8`), "f:2:1: from and to are of different versions of IP", ""},
		{"no direction", ours(`"host":"web","direction":"up","from":"10.0.0.1","protocol":"tcp","port":8`), `f:2:1: direction is "up": want in or out`, ""},
		{"forwarded", ours(`"forward":true,"from":"10.0.0.1","to":"10.0.0.2","protocol":"tcp","port":8`), "f:2:1: forward: flows that a host forwards are not read; write one flow for each host where it ends", ""},
		{"no state", ours(`"host":"web","from":"10.0.0.1","protocol":"tcp","port":8,"state":"invalid"`), `f:2:1: state is "invalid": want live, new or rejected`, ""},
		{"state of TCP", ours(`"host":"web","from":"10.0.0.1","protocol":"udp","port":8,"tcp":"ESTABLISHED"`), "f:2:1: tcp is for protocol tcp, and not for udp", ""},
		{"negative time", ours(`"host":"web","from":"10.0.0.1","protocol":"udp","port":8,"idle_seconds":-1`), "f:2:1: idle_seconds is -1: want seconds", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			flows, err := Read("f", strings.NewReader(test.text), Options{})
			var wrong *sg.FileError
			if !errors.As(err, &wrong) {
				t.Fatalf("%v, %v", flows, err)
			}
			if wrong.Error() != test.err || wrong.Hint.String() != test.hint {
				t.Errorf("%s\n%s", wrong, wrong.Hint)
			}
		})
	}
}

// Host is that of sources that do not say it.
func TestHost(t *testing.T) {
	for text, want := range map[string]string{
		"udp 17 29 src=10.0.1.5 dst=10.0.0.2 sport=5 dport=53 src=10.0.0.2 dst=10.0.1.5 sport=53 dport=5\n": "web",
		`{"from":"10.0.0.1","protocol":"udp","port":53}`:                                                    "web",
		`{"host":"db","from":"10.0.0.1","protocol":"udp","port":53}`:                                        "db",
	} {
		flows, err := Read("f", strings.NewReader(text), Options{Host: "web"})
		if err != nil || flows.All[0].Host != want {
			t.Errorf("%s: %v, %v", text, flows, err)
		}
	}
}

// Flow logs of several files are one source: a connection that ends in another file is not up. Other
// files are sources of their own.
func TestSeveralFiles(t *testing.T) {
	const header = "interface-id srcaddr dstaddr srcport dstport protocol start end action tcp-flags\n"
	var r Reader
	for _, file := range []struct{ name, text string }{
		{"1.log", header + "eni-1 10.0.0.1 10.0.0.2 1000 443 6 1795879200 1795879259 ACCEPT 2\neni-1 10.0.0.3 10.0.0.2 1000 443 6 1795879200 1795879259 ACCEPT 2\n"},
		{"ss.txt", "ESTAB 0 0 10.0.0.1:1000 10.0.0.2:443\n"},
		{"2.log", header + "eni-1 10.0.0.2 10.0.0.1 443 1000 6 1795879260 1795879319 ACCEPT 1\neni-1 10.0.0.2 10.0.0.3 443 1000 6 1795879260 1795879319 ACCEPT 18\nx\neni-1"},
	} {
		if err := r.Read(file.name, strings.NewReader(file.text), Options{}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := r.Flows()
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	want := `vpc-flow-logs, 8 lines
until 2026-11-28T15:21:59Z
3: tcp 10.0.0.3:1000 > 10.0.0.2:443, eni-1, ingress, ESTABLISHED, replied, first 2026-11-28T15:20:00Z, last 2026-11-28T15:21:59Z
note: 1 line could not be read: 2.log:4: the line has 1 fields, and its format has 10
note: 1 file ends early, in 2.log:5: flows are missing
note: 1 connection has ended and was left out
`
	if diff := cmp.Diff(want, described(all[0])); diff != "" || all[0].File != "1.log +1" || all[1].Kind != Sockets || all[1].File != "ss.txt" {
		t.Errorf("%s and %s (-want +got):\n%s", all[0].File, all[1].File, diff)
	}
}

// The format of a flow log without the line that names its fields is given.
func TestLogFormat(t *testing.T) {
	text := "10.0.0.20 10.0.1.5 51234 443 6 2 ACCEPT\n10.0.1.5 10.0.0.20 443 51234 6 18 ACCEPT\n"
	format := "${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${tcp-flags} ${action}"
	flows, err := Read("f", strings.NewReader(text), Options{LogFormat: format, Host: "web"})
	want := "vpc-flow-logs, 2 lines\n1: tcp 10.0.0.20:51234 > 10.0.1.5:443, web, ESTABLISHED, replied\n"
	if err != nil || described(flows) != want {
		t.Errorf("%v, %v", flows, err)
	}
	if flows, err = Read("f", strings.NewReader(text), Options{LogFormat: format}); err != nil || len(flows.Notes) != 1 {
		t.Errorf("%v, %v", flows, err)
	}
	_, err = Read("f", strings.NewReader(text), Options{LogFormat: "${source}"})
	if want := `parse log format: flow logs have no field "source"`; err == nil || err.Error() != want {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range inputs(f) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		flows, err := Read("f", strings.NewReader(text), Options{})
		var wrong *sg.FileError
		switch {
		case err == nil:
		case errors.As(err, &wrong):
			if wrong.Line < 1 {
				t.Errorf("no place: %v", err)
			}
			return
		default:
			return
		}
		seen := map[string]bool{}
		for _, f := range flows.All {
			key := fmt.Sprint(f.Host, f.Key, f.ICMPType, f.ICMPCode, f.New)
			if seen[key] {
				t.Errorf("twice: %s", key)
			}
			seen[key] = true
			if f.Line < 1 || f.Line > flows.Lines || f.Left < 0 || f.Idle < 0 {
				t.Errorf("%+v", f)
			}
		}
		_ = described(flows)
	})
}
