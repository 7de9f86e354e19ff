package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"lablab/flow"
	"lablab/internal/nstest"
	"lablab/ns"
	"lablab/packet"
	"lablab/sg"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// pinged returns two namespaces. The left one tracks connections and has sent three echo requests
// to the right one, marked 7.
func pinged(t *testing.T) (left, right *ns.Namespace, watch *Watch) {
	t.Helper()
	left, right = nstest.Wire(t)
	if err := Configure(left, Settings{Timeouts: sg.Nitro()}); err != nil {
		t.Fatal(err)
	}
	nstest.Input(t, left, "table ip t { chain c { type filter hook output priority 0; ct state new ct mark set 7; }; }", "nft", "-f", "-")
	watch, err := OpenWatch(left)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = watch.Close() })
	nstest.Output(t, left, "ping", "-q", "-c3", "-i0.01", nstest.Right.String())
	return left, right, watch
}

func open(t *testing.T, n *ns.Namespace) *Table {
	t.Helper()
	table, err := OpenTable(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = table.Close() })
	return table
}

func TestDumpAgreesWithConntrack(t *testing.T) {
	left, _, _ := pinged(t)
	entries, err := open(t, left).Dump()
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Fatalf("%d entries, want 1: %v", len(entries), entries)
	}
	e := entries[0]
	if e.Sent.Packets != 3 || e.Got.Packets != 3 || e.Mark != 7 || !slices.Equal(e.Status, []string{"SEEN_REPLY", "CONFIRMED"}) {
		t.Errorf("entry %+v", e)
	}
	// icmp 1 29 src=… dst=… type=8 code=0 id=… packets=3 bytes=… src=… … mark=7 … id=…
	oracle := nstest.Output(t, left, "conntrack", "-L", "-o", "id")
	for _, word := range []string{
		fmt.Sprintf("src=%s dst=%s type=8 code=0 id=%d packets=3 bytes=%d", nstest.Left, nstest.Right, e.Orig.ICMPID, e.Sent.Bytes),
		fmt.Sprintf("src=%s dst=%s type=0 code=0 id=%d packets=3 bytes=%d", nstest.Right, nstest.Left, e.Reply.ICMPID, e.Got.Bytes),
		"mark=7", fmt.Sprintf("id=%d", e.ID),
	} {
		if !strings.Contains(oracle, word) {
			t.Errorf("conntrack(8) does not say %q:\n%s", word, oracle)
		}
	}
	if e.Timeout < 25*time.Second || e.Timeout > 30*time.Second {
		t.Errorf("timeout %s, want just under 30 s", e.Timeout)
	}
}

func TestGetReadsWhatDumpLists(t *testing.T) {
	left, _, _ := pinged(t)
	table := open(t, left)
	listed, err := table.Dump()
	if err != nil {
		t.Fatal(err)
	}
	other := listed[0].Orig
	other.ICMPID++
	for range 3 { // the socket must not get out of step
		got, err := table.Get([]packet.Key{other, listed[0].Orig, other, listed[0].Orig})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[0].ID != listed[0].ID || got[1].Orig != listed[0].Orig || got[0].Sent != listed[0].Sent {
			t.Errorf("got %+v, want %+v twice", got, listed[0])
		}
	}
}

// The entry of a flow whose source is replaced has two keys that are not each other's reverse. It is
// found, marked and deleted by either, in both versions of IP.
func TestEntriesOfReplacedSources(t *testing.T) {
	t.Parallel()
	left, right := nstest.Wire(t)
	if err := Configure(left, Settings{Timeouts: sg.Nitro()}); err != nil {
		t.Fatal(err)
	}
	for end, address := range map[*ns.Namespace]string{left: "fd00::1/64", right: "fd00::2/64"} {
		nstest.Output(t, end, "ip", "address", "add", address, "dev", map[*ns.Namespace]string{left: "w0", right: "w1"}[end], "nodad")
	}
	for _, hidden := range []string{"10.9.0.1/32", "fd00:9::1/128"} {
		nstest.Output(t, left, "ip", "address", "add", hidden, "dev", "w0", "nodad")
	}
	nstest.Input(t, left, "table inet n { chain p { type nat hook postrouting priority srcnat; ip saddr 10.9.0.1 masquerade; ip6 saddr fd00:9::1 masquerade; }; }", "nft", "-f", "-")
	table := open(t, left)
	for _, c := range []struct{ from, to string }{{"10.9.0.1", nstest.Right.String()}, {"fd00:9::1", "fd00::2"}} {
		from, to := netip.MustParseAddr(c.from), netip.MustParseAddr(c.to)
		var server net.Listener
		err := right.Do(func() (err error) {
			server, err = net.Listen("tcp", net.JoinHostPort(c.to, "0"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		for name, send := range map[string]func(){
			"ping": func() { nstest.Output(t, left, "ping", "-q", "-c1", "-w5", "-I", c.from, c.to) },
			"udp": func() {
				err := left.Do(func() error {
					conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 4000)), net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 53)))
					if err != nil {
						return err
					}
					_, err = conn.Write([]byte("x"))
					return errors.Join(err, conn.Close())
				})
				if err != nil {
					t.Fatal(err)
				}
			},
			"tcp": func() {
				err := left.Do(func() error {
					conn, err := (&net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}).Dial("tcp", server.Addr().String())
					if err != nil {
						return err
					}
					return conn.Close()
				})
				if err != nil {
					t.Fatal(err)
				}
			},
		} {
			for _, side := range []string{"original", "reply"} {
				send()
				e := theOne(t, table, from)
				if e.Reply.Destination == e.Orig.Source {
					t.Fatalf("%s: the source was not replaced: %+v", name, e)
				}
				k := map[string]packet.Key{"original": e.Orig, "reply": e.Reply}[side]
				got, err := table.Get([]packet.Key{k})
				if err != nil || len(got) != 1 || got[0].ID != e.ID {
					t.Errorf("%s from %s, by its %s key: %+v, %v", name, from, side, got, err)
				}
				if found, err := table.Untrack(k); err != nil || !found || !theOne(t, table, from).Untracked {
					t.Errorf("%s from %s, by its %s key: not marked, %v", name, from, side, err)
				}
				if found, err := table.Unmark(k); err != nil || !found || theOne(t, table, from).Untracked {
					t.Errorf("%s from %s, by its %s key: still marked, %v", name, from, side, err)
				}
				if found, err := table.Delete(k); err != nil || !found {
					t.Errorf("%s from %s, by its %s key: not deleted, %v", name, from, side, err)
				}
				if found, err := table.Unmark(k); err != nil || found {
					t.Errorf("%s from %s, by its %s key: unmarked after its end, %v", name, from, side, err)
				}
				if found, err := table.Delete(k); err != nil || found {
					t.Errorf("%s from %s, by its %s key: deleted again, %v", name, from, side, err)
				}
			}
		}
	}
}

// theOne returns the one entry of what comes from an address.
func theOne(t *testing.T, table *Table, from netip.Addr) flow.Entry {
	t.Helper()
	all, err := table.Dump()
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(e flow.Entry) bool { return e.Orig.Source != from })
	if len(all) != 1 {
		t.Fatalf("%d entries from %s: %+v", len(all), from, all)
	}
	return all[0]
}

func TestWatchTellsTheLifeOfAnEntry(t *testing.T) {
	left, _, watch := pinged(t)
	nstest.Output(t, left, "conntrack", "-D", "-p", "icmp")
	var reported []Event
	if err := watch.Drain(func(e Event) { reported = append(reported, e) }, func(int) { t.Error("events missed") }); err != nil {
		t.Fatal(err)
	}
	if len(reported) < 3 || reported[0].Change != flow.New || reported[len(reported)-1].Change != flow.Destroy {
		t.Fatalf("reported %+v, want new, update …, destroy", reported)
	}
	for _, e := range reported {
		if e.Entry.ID != reported[0].Entry.ID || e.Entry.Orig.Protocol != packet.ICMP {
			t.Errorf("event of another entry: %+v", e)
		}
		if !e.Kernel.IsZero() && (time.Since(e.Kernel) < 0 || time.Since(e.Kernel) > time.Minute) {
			t.Errorf("happened at %s by the kernel's clock, which is not now", e.Kernel)
		}
	}
	if last := reported[len(reported)-1].Entry; last.Sent.Packets != 3 || last.Got.Packets != 3 {
		t.Errorf("destroyed with %+v, want 3 packets each way", last)
	}
}

func TestEventsThatCannotBeReadAreMissed(t *testing.T) {
	for _, data := range [][]byte{nil, {2, 0, 0, 0}, {2, 0, 0, 0, 8, 0, 1, 128, 9, 9, 9, 9}} {
		if e, err := eventOf(netlink.Message{Header: netlink.Header{Type: 0x0100}, Data: data}); err == nil && e.Entry.Orig.Protocol != 0 {
			t.Errorf("%x became %+v", data, e)
		}
	}
}

func FuzzEvent(f *testing.F) {
	f.Add(uint16(0x0100), []byte{2, 0, 0, 0, 8, 0, 12, 0, 0, 0, 0, 7})
	f.Fuzz(func(_ *testing.T, kind uint16, data []byte) {
		m := netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(kind)}, Data: data}
		_, _ = eventOf(m) // must not panic
		_ = kernelTime(m)
	})
}

func TestKernelTime(t *testing.T) {
	want := time.Unix(1700000000, 123456789)
	e := netlink.NewAttributeEncoder()
	e.Bytes(27, binary.BigEndian.AppendUint64(nil, uint64(want.UnixNano())))
	attributes, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := kernelTime(netlink.Message{Data: append([]byte{2, 0, 0, 0}, attributes...)}); !got.Equal(want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := kernelTime(netlink.Message{Data: []byte{2, 0, 0, 0}}); !got.IsZero() {
		t.Errorf("got %s without the attribute", got)
	}
}

// A kernel that does not answer is an error within seconds. So is a library that waits for an answer
// that the kernel never sends, as ti-mo's Get does with netlink 1.10.
func TestNoAnswer(t *testing.T) {
	left, _, _ := pinged(t)
	absent := packet.Key{Protocol: packet.UDP, Source: nstest.Left, Destination: nstest.Right}
	tables := []*Table{open(t, left), open(t, left), open(t, left), open(t, left)}
	nstest.Silence(t, left)
	for name, ask := range map[string]func(*Table) error{
		"get":    func(table *Table) error { _, err := table.Get([]packet.Key{absent}); return err },
		"count":  func(table *Table) error { _, err := table.Count(); return err },
		"dump":   func(table *Table) error { _, err := table.Dump(); return err },
		"delete": func(table *Table) error { _, err := table.Delete(absent); return err },
	} {
		t.Run(name, func(t *testing.T) {
			table := tables[0]
			tables = tables[1:]
			t.Parallel()
			began := time.Now()
			if err := ask(table); err == nil || !strings.Contains(err.Error(), "the kernel did not answer within ") {
				t.Error(err)
			}
			if took := time.Since(began); took > 2*ns.AnswerTime {
				t.Errorf("took %s", took)
			}
		})
	}
}

// A table with room has dropped nothing.
func TestDropped(t *testing.T) {
	t.Parallel()
	table, err := OpenTable(nstest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	packets, room, err := table.Dropped()
	text, _ := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_max")
	if err != nil || packets != 0 || strconv.Itoa(room) != strings.TrimSpace(string(text)) {
		t.Errorf("dropped %d packets with room for %d, %v; the limit is %s", packets, room, err, text)
	}
}

// A kernel without zones tracks all protocols in its own way, and their entries can be read.
func TestWithoutZones(t *testing.T) {
	left, _, _ := pinged(t)
	nstest.Output(t, left, "conntrack", "-I", "-p", "gre", "-s", nstest.Left.String(), "-d", nstest.Right.String(), "--srckey", "0x1", "--dstkey", "0x2", "-t", "60")
	table := open(t, left)
	if !table.zones {
		t.Skip("this kernel has no zones")
	}
	gre := packet.Key{Protocol: packet.GRE, Source: nstest.Left, Destination: nstest.Right, SourcePort: 1, DestinationPort: 2}
	for _, zones := range []bool{true, false} {
		table.zones = zones
		if got, err := table.Get([]packet.Key{gre}); err != nil || (len(got) == 1 && got[0].Orig == gre) == zones {
			t.Errorf("with zones %v: %+v, %v", zones, got, err)
		}
	}
}
