package flowlog_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lablab/flowlog"
	"lablab/packet"
)

// The examples are AWS's own: docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html.
var examples = []struct{ name, format, log string }{
	{"accepted and rejected", "", `2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK
2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK
`},
	{"no data and skipped", "", `2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA
2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA
`},
	{"security group and network ACL", "", `2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK
2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK
`},
	{"IPv6", "", `2 123456789010 eni-1235b8ca123456789 2001:db8:1234:a100:8d6e:3477:df66:f105 2001:db8:1234:a102:3304:8879:34cf:4071 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK
`},
	{
		"TCP flag sequence", "version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport pkt-srcaddr pkt-dstaddr protocol bytes packets start end action tcp-flags log-status",
		`3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 eni-1235b8ca123456789 123456789010 IPv4 52.213.180.42 10.0.0.62 43638 5001 52.213.180.42 10.0.0.62 6 1260 17 1566933133 1566933193 ACCEPT 3 OK
3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 eni-1235b8ca123456789 123456789010 IPv4 10.0.0.62 52.213.180.42 5001 43638 10.0.0.62 52.213.180.42 6 967 14 1566933133 1566933193 ACCEPT 19 OK
`,
	},
	{"NAT gateway", "instance-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr", `- eni-1235b8ca123456789 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5
- eni-1235b8ca123456789 10.0.0.220 10.0.1.5 203.0.113.5 10.0.1.5
`},
	{
		"service name, traffic path and flow direction", "version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id instance-id interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service traffic-path flow-direction log-status",
		`5 52.95.128.179 10.0.0.71 80 34210 6 1616729292 1616729349 IPv4 14 15044 123456789012 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-0c50d5961bcb2d47b eni-1235b8ca123456789 ap-southeast-2 apse2-az3 - - ACCEPT 19 52.95.128.179 10.0.0.71 S3 - - ingress OK
5 10.0.0.71 52.95.128.179 34210 80 6 1616729292 1616729349 IPv4 7 471 123456789012 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-0c50d5961bcb2d47b eni-1235b8ca123456789 ap-southeast-2 apse2-az3 - - ACCEPT 3 10.0.0.71 52.95.128.179 - S3 8 egress OK
`,
	},
}

func TestAWSExamples(t *testing.T) {
	for _, x := range examples {
		t.Run(x.name, func(t *testing.T) {
			var format flowlog.Format
			if x.format != "" {
				format = parsed(t, x.format)
			}
			if again := rewritten(t, x.log, format); again != x.log {
				t.Errorf("written again:\n%swant:\n%s", again, x.log)
			}
			if x.format != "" {
				if again := rewritten(t, x.format+"\n"+x.log, flowlog.Format{}); again != x.format+"\n"+x.log {
					t.Errorf("with a header, written again:\n%s", again)
				}
			}
		})
	}
}

// rewritten reads a log and writes it in the format in which it was read.
func rewritten(t *testing.T, log string, format flowlog.Format) string {
	t.Helper()
	var b bytes.Buffer
	r := flowlog.NewReader(strings.NewReader(log), format)
	var w *flowlog.Writer
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if w == nil {
			w = flowlog.NewWriter(&b, r.Format())
			if strings.HasPrefix(log, r.Format().Header()) {
				if err := w.WriteHeader(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
}

func parsed(t *testing.T, format string) flowlog.Format {
	t.Helper()
	f, err := flowlog.ParseFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryFieldIsTyped(t *testing.T) {
	x := examples[len(examples)-1]
	r, err := flowlog.NewReader(strings.NewReader(x.log[strings.Index(x.log, "\n")+1:]), parsed(t, x.format)).Next()
	if err != nil {
		t.Fatal(err)
	}
	instance, remote := netip.MustParseAddr("10.0.0.71"), netip.MustParseAddr("52.95.128.179")
	want := flowlog.Record{
		Known:   parsed(t, x.format).Set() &^ flowlog.Set(0).With(flowlog.SublocationType, flowlog.SublocationID, flowlog.PktSrcAWSService),
		Version: 5, AccountID: "123456789012", InterfaceID: "eni-1235b8ca123456789", SrcAddr: instance, DstAddr: remote,
		SrcPort: 34210, DstPort: 80, Protocol: packet.TCP, Packets: 7, Bytes: 471,
		Start: time.Unix(1616729292, 0).UTC(), End: time.Unix(1616729349, 0).UTC(), Action: flowlog.Accept, Status: flowlog.OK,
		VPCID: "vpc-abcdefab012345678", SubnetID: "subnet-aaaaaaaa012345678", InstanceID: "i-0c50d5961bcb2d47b",
		TCPFlags: packet.SYN | packet.FIN, Type: "IPv4", PktSrcAddr: instance, PktDstAddr: remote, Region: "ap-southeast-2", AZID: "apse2-az3",
		PktDstAWSService: "S3", FlowDirection: packet.Egress, TrafficPath: 8,
	}
	if r != want {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
}

func TestFormats(t *testing.T) {
	const v2 = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
	for _, x := range []struct {
		text, want string
		version    int
	}{
		{"${version} ${vpc-id}", "version vpc-id", 3},
		{"  version\tregion ", "version region", 4},
		{flowlog.Default().String(), v2, 2},
		{"srcaddr reject-reason ecs-task-id", "srcaddr reject-reason ecs-task-id", 8},
		{"${encryption-status}", "encryption-status", 10},
	} {
		f := parsed(t, x.text)
		if f.Header() != x.want || f.Version() != x.version {
			t.Errorf("%q: got %q, version %d", x.text, f.Header(), f.Version())
		}
		if again := parsed(t, f.String()); again.Header() != x.want {
			t.Errorf("%q: %q read back: %q", x.text, f, again.Header())
		}
	}
	for text, want := range map[string]string{
		"":                     "parse log format: no field given",
		"${version":            `parse log format: "${version" has no closing brace`,
		"${version} ${vpcid}":  `parse log format: flow logs have no field "vpcid"`,
		"${version}${vpc-id}":  `parse log format: flow logs have no field "version}${vpc-id"`,
		"start ${end} ${end}":  `parse log format: field "end" is given twice`,
		"- start":              `parse log format: flow logs have no field "-"`,
		"${version},${vpc-id}": `parse log format: flow logs have no field "version},${vpc-id"`,
	} {
		if _, err := flowlog.ParseFormat(text); err == nil || err.Error() != want {
			t.Errorf("%q: got error %v, want %s", text, err, want)
		}
	}
}

func TestLines(t *testing.T) {
	const line = "2 1 eni-1 10.0.0.1 10.0.0.2 1 22 6 1 60 1418530010 1418530070 ACCEPT OK"
	header := "version start novelty flow-direction"
	for _, x := range []struct {
		name, log string
		want      []string // what was read, by the default format's or the header's fields
	}{
		{"no line", "", nil},
		{"blank lines, and no end of the last", "\n \r\n" + line, []string{line}},
		{"another line end", line + "\r\n" + line + "\r\n", []string{line, line}},
		{"two blanks", strings.Replace(line, " 22 ", "  22\t", 1), []string{line}},
		{"an export of CloudWatch Logs", "2014-12-14T04:07:50.000Z " + line, []string{line}},
		{"a field of the future", header + "\n5 1 new egress\n" + header + "\n5 2 - -", []string{"5 1 - egress", "5 2 - -"}},
		{"fields of later versions", "version ecs-task-id reject-reason end\n8 t BPA 7\n", []string{"8 - - 7"}},
		{"a bad line between", line + "\nbad\n" + line, []string{line, "read flow log: line 2: the line has 1 fields, and its format has 14", line}},
		{"the rest of a line", "60 1418530010 1418530070 ACCEPT OK\n", []string{"read flow log: line 1: the line has 5 fields, and its format has 14"}},
		{"more fields", line + " 3 IPv4\n", []string{"read flow log: line 1: the line has 16 fields, and its format has 14"}},
		{"a long line", strings.Repeat("x", 1<<20) + "\n" + line, []string{"read flow log: line 1: a record has at most 65536 bytes", line}},
		{"a long last line", strings.Repeat("x", 1<<20), []string{"read flow log: line 1: a record has at most 65536 bytes"}},
		{"a port", strings.Replace(line, " 22 ", " 65536 ", 1), []string{`read flow log: line 1: field dstport: unexpected value "65536"`}},
		{"a protocol", strings.Replace(line, " 6 ", " tcp ", 1), []string{`read flow log: line 1: field protocol: unexpected value "tcp"`}},
		{"an octal address", strings.Replace(line, "10.0.0.1", "10.0.0.01", 1), []string{`read flow log: line 1: field srcaddr: unexpected value "10.0.0.01"`}},
		{"three parts of an address", strings.Replace(line, "10.0.0.1", "10.0.1", 1), []string{`read flow log: line 1: field srcaddr: unexpected value "10.0.1"`}},
		{"an address with a zone", strings.Replace(line, "10.0.0.1", "fe80::1%eth0", 1), []string{`read flow log: line 1: field srcaddr: unexpected value "fe80::1%eth0"`}},
		{"a number that overflows", strings.Replace(line, " 60 ", " 18446744073709551676 ", 1), []string{`read flow log: line 1: field bytes: unexpected value "18446744073709551676"`}},
		{"milliseconds", strings.Replace(line, "1418530070", "1418530070000", 1), []string{`read flow log: line 1: field end: unexpected value "1418530070000"`}},
		{"an action", strings.Replace(line, "ACCEPT", "accept", 1), []string{`read flow log: line 1: field action: unexpected value "accept"`}},
		{"a terminal's command", strings.Replace(line, "eni-1", "\x1b[2J", 1), []string{`read flow log: line 1: field interface-id: unexpected value "\x1b[2J"`}},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := flowlog.NewReader(strings.NewReader(x.log), flowlog.Format{})
			var got []string
			for {
				record, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				var bad *flowlog.LineError
				if errors.As(err, &bad) {
					got = append(got, bad.Error())
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				var b strings.Builder
				if err := flowlog.NewWriter(&b, r.Format()).Write(record); err != nil {
					t.Fatal(err)
				}
				got = append(got, strings.TrimSuffix(b.String(), "\n"))
			}
			if strings.Join(got, "\n") != strings.Join(x.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(x.want, "\n"))
			}
		})
	}
}

// A log that breaks off, such as a truncated gzip file, has its records until there, and then an error
// that does not pass for the end.
func TestTruncated(t *testing.T) {
	log := io.MultiReader(strings.NewReader(examples[0].log), broken{})
	r := flowlog.NewReader(log, flowlog.Format{})
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.Next()
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "read flow log: line 3: unexpected EOF" {
		t.Errorf("got error %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestFlagsOf(t *testing.T) {
	for _, x := range []struct{ tcp, want uint8 }{
		{packet.SYN, 2},
		{packet.SYN | packet.ACK, 18},
		{packet.ACK, 0},
		{packet.PSH | packet.ACK, 0},
		{packet.FIN | packet.ACK, 1},
		{packet.RST | packet.ACK, 4},
		{packet.SYN | 0x40 /* ECE */, 2},
	} {
		if got := flowlog.FlagsOf(x.tcp); got != x.want {
			t.Errorf("%#x: got %d, want %d", x.tcp, got, x.want)
		}
	}
}

// What would break the line is not written.
func TestUnwritable(t *testing.T) {
	for _, id := range []string{"", "-", "a b", "a\nb", "\x1b[2J"} {
		w := flowlog.NewWriter(io.Discard, flowlog.Format{})
		err := w.Write(flowlog.Record{Known: flowlog.Set(0).With(flowlog.InterfaceID), InterfaceID: id})
		if err == nil || !strings.HasPrefix(err.Error(), "write flow log: field interface-id: unexpected value ") {
			t.Errorf("%q: got error %v", id, err)
		}
	}
	err := flowlog.NewWriter(io.Discard, flowlog.Format{}).Write(flowlog.Record{Known: flowlog.Set(0).With(flowlog.SrcAddr)})
	if err == nil || err.Error() != "write flow log: field srcaddr: invalid IP is not an address of the network" {
		t.Errorf("got error %v", err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, x := range examples {
		f.Add(x.format, x.log)
	}
	f.Add("${srcaddr} ${version}", "::ffff:10.0.0.1 9\nversion\n1\n")
	f.Fuzz(func(t *testing.T, format, log string) {
		fields, err := flowlog.ParseFormat(format)
		if err != nil {
			fields = flowlog.Default()
		}
		r := flowlog.NewReader(strings.NewReader(log), fields)
		for {
			record, err := r.Next()
			var bad *flowlog.LineError
			if errors.As(err, &bad) {
				continue
			}
			if err != nil {
				return
			}
			var b bytes.Buffer
			if err := flowlog.NewWriter(&b, r.Format()).Write(record); err != nil {
				t.Fatalf("%+v: %v", record, err)
			}
			again, err := flowlog.NewReader(&b, r.Format()).Next()
			if record.Has(flowlog.Version) { // the format's
				record.Version = r.Format().Version()
			}
			again.Known &= record.Known | ^flowlog.Set(0).With(flowlog.Version)
			if !record.Has(flowlog.Version) {
				again.Version = 0
			}
			if err != nil || again != record {
				t.Fatalf("%+v, written and read again: %+v (%v)", record, again, err)
			}
		}
	})
}

// A line needs no memory once its values are known.
func TestReadingAllocatesNothing(t *testing.T) {
	const n = 1000
	log := strings.Repeat(examples[4].format+"\n"+examples[4].log, 1) + strings.Repeat(examples[4].log, n)
	r := flowlog.NewReader(strings.NewReader(log), flowlog.Format{})
	next := func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	next()
	next()
	if allocated := testing.AllocsPerRun(n, next); allocated != 0 {
		t.Errorf("%v allocations for a line", allocated)
	}
}

// BenchmarkReader reads a hundred thousand lines. What it costs is to be compared with counting them,
// as wc -l does.
func BenchmarkReader(b *testing.B) {
	for name, x := range map[string]struct{ format, log string }{
		"v2": {flowlog.Default().Header(), examples[0].log}, "v5": {examples[6].format, examples[6].log}, "IPv6": {flowlog.Default().Header(), examples[3].log},
	} {
		lines := strings.Count(x.log, "\n")
		log := []byte(x.format + "\n" + strings.Repeat(x.log, 100_000/lines))
		b.Run(name+"/count", func(b *testing.B) {
			for b.Loop() {
				if bytes.Count(log, []byte("\n")) != 100_001 {
					b.Fatal("lines are missing")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/line")
		})
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				r := flowlog.NewReader(bytes.NewReader(log), flowlog.Format{})
				records := 0
				for ; ; records++ {
					_, err := r.Next()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				if records != 100_000 {
					b.Fatal(records)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/line")
		})
	}
}
