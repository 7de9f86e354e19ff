package kept_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"lablab/internal/nstest"
)

// A capture has each packet with its verdict, and the changes of the rules.
func TestCapture(t *testing.T) {
	t.Parallel()
	nstest.Tool(t, "ping")
	k := keep(t, nstest.LabBuilder(t), "capture")
	file := filepath.Join(t.TempDir(), "a.pcapng")
	c := k.begin("capture", nil, "A", "-o", file)
	c.says(t, "press Ctrl-C to stop")
	k.must("exec", "B", "--", "ping", "-q", "-c2", "-i0.2", "A")
	k.must("revoke", "icmp")
	_, _ = k.run("exec", "B", "--", "ping", "-q", "-c1", "-W1", "A")
	var text []byte
	eventually(t, "five packets and a change are captured", func() bool {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		return len(comments(t, text)) >= 6
	})
	c.end()
	one := k.begin("capture", nil, "A", "-o", filepath.Join(t.TempDir(), "one.pcapng"), "--count", "1")
	one.says(t, "press Ctrl-C to stop")
	_, _ = k.run("exec", "B", "--", "ping", "-q", "-c1", "-W1", "A")
	one.wait(t)
	got := strings.Join(comments(t, text), "\n")
	const want = `accepted by icmp (new)
accepted by established (established)
accepted by established (established)
accepted by established (established)
0 rule icmp of group lab revoked: ingress icmp 10.255.0.0/16
dropped by default-deny (new)`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	t.Run("tcpdump", func(t *testing.T) {
		c := exec.Command(nstest.Tool(t, "tcpdump"), "-n", "-r", "-", "icmp")
		c.Stdin = bytes.NewReader(text)
		out, err := c.Output()
		if err != nil || strings.Count(string(out), "\n") != 5 {
			t.Errorf("%v\n%s", err, out)
		}
	})
	out, err := k.command("capture", "A", "-o", "-", "--duration", "100ms").Output()
	if err != nil {
		t.Fatal(err)
	}
	comments(t, out)
}

// comments returns the comments of the IP packets, and of the marks, which are empty packets.
func comments(t *testing.T, text []byte) (all []string) {
	t.Helper()
	reader, err := pcapgo.NewNgReader(bytes.NewReader(text), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame, _, options, err := reader.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		comment := strings.Join(options.Comments, "\n")
		switch ipv4 := []byte{8, 0}; {
		case len(frame) == 0:
			comment = "0 " + comment
		case frame[0]&1 == 1 || !bytes.Equal(frame[12:14], ipv4): // the hosts themselves multicast
			continue
		}
		all = append(all, comment)
	}
}

// The capture of a host that forwards has both of its interfaces, and each packet twice, with its
// verdict on arrival and on departure, also where the host replaces the source.
func TestCaptureOfARouter(t *testing.T) {
	t.Parallel()
	nstest.Tool(t, "ping")
	k := keep(t, nstest.LabBuilder(t), "router", "testdata/router.yaml")
	file := filepath.Join(t.TempDir(), "router.pcapng")
	c := k.begin("capture", nil, "nat", "-o", file)
	c.says(t, "press Ctrl-C to stop")
	k.must("exec", "B", "--", "ping", "-q", "-c1", "web")
	_, _ = k.run("exec", "B", "--", "ping", "-q", "-c1", "-W0.1", "-s", "1000", "10.2.0.81")
	var got []string
	eventually(t, "six packets are captured", func() bool {
		got = packetsIPv4(t, file)
		return len(got) >= 6
	})
	c.end()
	want := []string{
		"nat eth0: 10.1.0.10 > 10.2.0.80 accepted by in (new)",
		"nat eth1: 10.2.0.1 > 10.2.0.80 accepted by out (new)",
		"nat eth1: 10.2.0.80 > 10.2.0.1 accepted by established (established)",
		"nat eth0: 10.2.0.80 > 10.1.0.10 accepted by established (established)",
		"nat eth0: 10.1.0.10 > 10.2.0.81 accepted by in (new)",
		"nat eth1: 10.1.0.10 > 10.2.0.81 dropped by default-deny (new)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if hosts := k.must("exec", "B", "--", "cat", "/etc/hosts"); !strings.Contains(hosts, "10.1.0.1 nat\n10.2.0.1 nat\n") {
		t.Errorf("/etc/hosts:\n%s", hosts)
	}
}

// A packet that a host's own rules drop never reaches its interface. The capture has it all the
// same, as far as the rules saw it.
func TestCaptureOfWhatMayNotLeave(t *testing.T) {
	t.Parallel()
	nstest.Tool(t, "ping")
	k := keep(t, nstest.LabBuilder(t), "unsent")
	k.must("revoke", "out")
	file := filepath.Join(t.TempDir(), "b.pcapng")
	c := k.begin("capture", nil, "B", "-o", file, "--count", "2")
	c.says(t, "press Ctrl-C to stop")
	if _, err := k.run("exec", "B", "--", "ping", "-q", "-w1", "-i0.5", "-s", "1000", "A"); nstest.ExitCode(err) != 1 {
		t.Errorf("ping: %v", err)
	}
	c.wait(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(comments(t, text), "\n"); got != "dropped by default-deny (new)\ndropped by default-deny (new)" {
		t.Error(got)
	}
	reader, err := pcapgo.NewNgReader(bytes.NewReader(text), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for seq := 1; seq <= 2; seq++ {
		frame, info, err := reader.ReadPacketData()
		if err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
		echo, _ := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		if echo == nil || int(echo.Seq) != seq || info.Length != 14+20+8+1000 || info.CaptureLength >= info.Length {
			t.Errorf("packet %d: %v, %+v", seq, p, info)
		}
	}
}

// packetsIPv4 returns the IPv4 packets that a capture has written so far: where each was captured, its
// addresses and its comments.
func packetsIPv4(t *testing.T, file string) (packets []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := pcapgo.NewNgReader(bytes.NewReader(text), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame, info, options, err := reader.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		at, err := reader.Interface(info.InterfaceIndex)
		if err != nil {
			t.Fatal(err)
		}
		ip, is := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default).NetworkLayer().(*layers.IPv4)
		if is && !ip.DstIP.IsMulticast() { // the hosts themselves multicast
			packets = append(packets, fmt.Sprintf("%s: %s > %s %s", at.Name, ip.SrcIP, ip.DstIP, strings.Join(options.Comments, "\n")))
		}
	}
}
