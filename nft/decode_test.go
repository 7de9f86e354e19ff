package nft

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"lablab/nft/ruleset"
	"lablab/packet"
)

// traced returns a trace message as the kernel makes it.
func traced(table, chain string, kind uint32, handle uint64, code int32, id uint32, headers ...[]byte) netlink.Message {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	e.String(traceTable, table)
	e.String(traceChain, chain)
	e.Uint32(traceType, kind)
	e.Uint32(traceID, id)
	if kind == tracedPolicy {
		e.Uint32(tracePolicy, uint32(code))
	} else {
		e.Uint64(traceHandle, handle)
		e.Nested(traceVerdict, func(n *netlink.AttributeEncoder) error { n.Uint32(1, uint32(code)); return nil })
	}
	if len(headers) == 2 {
		e.Bytes(traceNetwork, headers[0])
		e.Bytes(traceTransport, headers[1])
	}
	attributes, err := e.Encode()
	if err != nil {
		panic(err)
	}
	return netlink.Message{Data: append([]byte{1, 0, 0, 0}, attributes...)}
}

func bytesOf(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// echo returns the headers of an echo request from 10.255.1.10 to 10.255.1.197, id 1001, sequence
// number 7.
func echo() [][]byte {
	return [][]byte{bytesOf("45000054 00004000 40010000 0aff010a 0aff01c5"), bytesOf("0800 0000 03e9 0007")}
}

// deciding is a table that decides, and passing the handle of a rule that does not.
const (
	deciding = "deciding"
	passing  = 9
)

func newAssembler() *assembler {
	return &assembler{
		states: map[uint64]packet.State{1: "new", 2: "established"},
		meaning: func(at site) ruleset.Decides {
			if at.table != deciding {
				return ruleset.Decides{}
			}
			return ruleset.Decides{Direction: packet.Direction(at.chain), Default: packet.By{ID: "default-deny"}}
		},
		judge: func(_ site, handle uint64) (packet.By, error) {
			if handle == passing {
				return packet.By{}, nil
			}
			return packet.By{Number: uint32(handle), ID: "icmp"}, nil
		},
	}
}

func assemble(t *testing.T, messages ...netlink.Message) []string {
	t.Helper()
	a := newAssembler()
	var verdicts []string
	for _, m := range messages {
		v, done, err := a.add(m)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			verdicts = append(verdicts, v.String())
		}
	}
	return verdicts
}

const echoText = "icmp 10.255.1.10 > 10.255.1.197 echo request id 1001 seq 7"

func TestAssemble(t *testing.T) {
	const id = 5
	begin := func(state uint64) netlink.Message {
		return traced(traceName, "ingress", tracedRule, state, codeAccept, id, echo()...)
	}
	accept := traced(deciding, "ingress", tracedRule, 3, codeAccept, id, echo()...)
	deny := traced(deciding, "ingress", tracedPolicy, 0, codeDrop, id) // has no headers
	for _, test := range []struct {
		name     string
		messages []netlink.Message
		want     []string
	}{
		{"accepted", []netlink.Message{begin(1), accept}, []string{"ingress " + echoText + " new accept by icmp"}},
		{"dropped by policy", []netlink.Message{begin(1), deny}, []string{"ingress " + echoText + " new drop by default-deny"}},
		{"id used again", []netlink.Message{begin(1), accept, begin(2), accept},
			[]string{"ingress " + echoText + " new accept by icmp", "ingress " + echoText + " established accept by icmp"}},
		{"packet without an end", []netlink.Message{begin(1), begin(2), accept}, []string{"ingress " + echoText + " established accept by icmp"}},
		{"a step that decides nothing", []netlink.Message{begin(1), traced(deciding, "ingress", tracedRule, 3, -1, id), accept},
			[]string{"ingress " + echoText + " new accept by icmp"}},
		{"a rule that only passes packets", []netlink.Message{begin(1), traced(deciding, "ingress", tracedRule, passing, codeAccept, id)}, nil},
		{"somebody else's table", []netlink.Message{begin(1), traced("other", "ingress", tracedRule, 3, codeDrop, id), accept},
			[]string{"ingress " + echoText + " new accept by icmp"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, assemble(t, test.messages...)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestParsePacket(t *testing.T) {
	for _, test := range []struct {
		name, network, transport, want string
		size                           int
	}{
		{"echo", "45000054 00004000 40010000 0aff010a 0aff01c5", "0800 0000 03e9 0007", echoText, 84},
		{"tcp", "4500003c 00004000 40060000 c0000201 c6336402", "d903 0016 00000000", "tcp 192.0.2.1:55555 > 198.51.100.2:22", 60},
		{"udp over IPv6", "60000000 00081140 20010db8000000000000000000000001 20010db8000000000000000000000002", "04d2 0035 0008 0000",
			"udp [2001:db8::1]:1234 > [2001:db8::2]:53", 48},
		{"gre", "4500003c 00004000 402f0000 c0000201 c6336402", "", "47 192.0.2.1 > 198.51.100.2", 60},
		{"cut short", "4500003c 00004000 40060000 c0000201 c6336402", "d9", "tcp 192.0.2.1:0 > 198.51.100.2:0", 60},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, ok := packet.ParseHeaders(bytesOf(test.network), bytesOf(test.transport))
			if !ok || p.String() != test.want || p.Size != test.size {
				t.Errorf("got %q of %d bytes (%v), want %q of %d", p, p.Size, ok, test.want, test.size)
			}
		})
	}
	if _, ok := packet.ParseHeaders(bytesOf("4500"), nil); ok {
		t.Error("half a header was accepted")
	}
}

// Whatever arrives, the decoder neither panics nor invents a verdict without a message for it.
func FuzzAssemble(f *testing.F) {
	f.Add(traced(traceName, "ingress", tracedRule, 1, codeAccept, 5, echo()...).Data)
	f.Add(traced(deciding, "ingress", tracedPolicy, 0, codeDrop, 5).Data)
	f.Add(traced(deciding, "egress", tracedRule, 3, codeAccept, 5, echo()...).Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, done, err := newAssembler().add(netlink.Message{Data: data})
		if done && (err != nil || v.By.ID == "") {
			t.Errorf("verdict %s with error %v", v, err)
		}
	})
}
