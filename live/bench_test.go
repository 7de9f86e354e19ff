package live

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// flowLogOf returns a flow log of that length: both directions of connections, in several windows.
func flowLogOf(lines int) []byte {
	var b bytes.Buffer
	const start = 1795879200
	for i := range lines / 2 {
		flow := i % max(lines/10, 1)
		eni, host, port := flow%50, flow%200+10, 32768+flow%28000
		from, to := fmt.Sprintf("10.%d.%d.%d", flow>>16, flow>>8&255, host), fmt.Sprintf("10.200.1.%d", eni+4)
		at := start + i*3600/lines
		fmt.Fprintf(&b, "2 123456789010 eni-%017x %s %s %d 443 6 20 4249 %d %d ACCEPT OK\n", eni, from, to, port, at, at+59)
		fmt.Fprintf(&b, "2 123456789010 eni-%017x %s %s 443 %d 6 18 9112 %d %d ACCEPT OK\n", eni, to, from, port, at, at+59)
	}
	return b.Bytes()
}

func conntrackOf(lines int) []byte {
	var b bytes.Buffer
	for i := range lines {
		from, port := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), 32768+i%28000
		fmt.Fprintf(&b, "tcp      6 431999 ESTABLISHED src=%s dst=10.200.1.5 sport=%d dport=443 packets=20 bytes=2017 src=10.200.1.5 dst=%s sport=443 dport=%d packets=18 bytes=9112 [ASSURED] mark=0 delta-time=1 use=1\n", from, port, from, port)
	}
	return b.Bytes()
}

func xmlOf(lines int) []byte {
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<conntrack>\n")
	for i := range lines {
		from, port := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), 32768+i%28000
		way := func(direction, from, to string, port, other int) {
			fmt.Fprintf(&b, `<meta direction="%s"><layer3 protonum="2" protoname="ipv4"><src>%s</src><dst>%s</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>%d</sport><dport>%d</dport></layer4></meta>`, direction, from, to, port, other)
		}
		b.WriteString("<flow>")
		way("original", from, "10.200.1.5", port, 443)
		way("reply", "10.200.1.5", from, 443, port)
		b.WriteString(`<meta direction="independent"><state>ESTABLISHED</state><timeout>431999</timeout><mark>0</mark><use>1</use><id>855659685</id><assured/></meta></flow>` + "\n")
	}
	b.WriteString("</conntrack>\n")
	return b.Bytes()
}

func socketsOf(lines int) []byte {
	var b bytes.Buffer
	b.WriteString("LISTEN 0 128 0.0.0.0:443 0.0.0.0:*\n")
	for i := range lines - 1 {
		fmt.Fprintf(&b, "ESTAB      0      0                10.200.1.5:443            10.%d.%d.%d:%d\n", i>>16, i>>8&255, i&255, 32768+i%28000)
	}
	return b.Bytes()
}

func oursOf(lines int) []byte {
	var b bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&b, `{"host":"web","direction":"in","from":"10.%d.%d.%d","source_port":%d,"protocol":"tcp","port":443,"state":"live"}`+"\n", i>>16, i>>8&255, i&255, 32768+i%28000)
	}
	return b.Bytes()
}

// BenchmarkRead reports the time for a line; a million of a flow log must take less than 10 s.
func BenchmarkRead(b *testing.B) {
	for _, kind := range []struct {
		name  string
		lines int
		text  func(int) []byte
	}{{"flow log", 1_000_000, flowLogOf}, {"conntrack", 100_000, conntrackOf}, {"xml", 100_000, xmlOf}, {"ss", 100_000, socketsOf}, {"ours", 100_000, oursOf}} {
		b.Run(strings.ReplaceAll(kind.name, " ", "-"), func(b *testing.B) {
			text := kind.text(kind.lines)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read("f", bytes.NewReader(text), Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(kind.lines), "ns/line")
		})
	}
}
