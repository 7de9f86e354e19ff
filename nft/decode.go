package nft

import (
	"encoding/binary"
	"slices"

	"github.com/mdlayher/netlink"

	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

// The attributes of a trace message: enum nft_trace_attributes. The last four exist since Linux
// 6.16.
const (
	traceTable     = 1
	traceChain     = 2
	traceHandle    = 3
	traceType      = 4
	traceVerdict   = 5
	traceID        = 6
	traceLink      = 7
	traceNetwork   = 8
	traceTransport = 9
	tracePolicy    = 16
	traceCtState   = 21
)

// traceName is the name of the table that traces.
const traceName = "trace"

// The types of a trace message: enum nft_trace_types.
const (
	tracedPolicy = 1
	tracedRule   = 3
)

// The verdict codes NF_DROP and NF_ACCEPT (linux/netfilter.h).
const (
	codeDrop   = 0
	codeAccept = 1
)

// A traceMessage is one step of a packet through the rules.
type traceMessage struct {
	id                 uint32
	family             byte
	table, chain       string
	kind               uint32
	handle             uint64
	code               int32
	link               []byte
	network, transport []byte
	state              uint32 // the kernel's own bit, or 0 if the kernel sends none
}

// decode decodes one trace message: a netfilter header of four bytes, then attributes.
func decode(m netlink.Message) (traceMessage, error) {
	var t traceMessage
	if len(m.Data) < 4 {
		return t, say.Errorf("decode trace: message of %d bytes", len(m.Data))
	}
	t.family = m.Data[0]
	ad, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return t, say.Errorf("decode trace: %w", err)
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		switch ad.Type() {
		case traceTable:
			t.table = ad.String()
		case traceChain:
			t.chain = ad.String()
		case traceHandle:
			t.handle = ad.Uint64()
		case traceType:
			t.kind = ad.Uint32()
		case traceID:
			t.id = ad.Uint32()
		case traceLink:
			t.link = ad.Bytes()
		case traceNetwork:
			t.network = ad.Bytes()
		case traceTransport:
			t.transport = ad.Bytes()
		case tracePolicy:
			t.code = int32(ad.Uint32())
		case traceCtState:
			t.state = ad.Uint32()
		case traceVerdict:
			ad.Nested(func(verdict *netlink.AttributeDecoder) error {
				for verdict.Next() {
					if verdict.Type() == 1 { // NFTA_VERDICT_CODE
						t.code = int32(verdict.Uint32())
					}
				}
				return nil
			})
		}
	}
	if err := ad.Err(); err != nil {
		return t, say.Errorf("decode trace: %w", err)
	}
	return t, nil
}

// An assembler combines the messages about one packet. The kernel reuses trace ids, so a packet
// ends at its last verdict, and the next message with that id starts another.
type assembler struct {
	states  map[uint64]packet.State // of the trace table's rules, by handle
	meaning func(site) ruleset.Decides
	judge   func(at site, handle uint64) (packet.By, error)
	begun   map[uint32]Verdict // what is known so far, by trace id

	messages, verdicts int // counted so far
}

// forget discards unfinished packets: messages were lost, and a reused id must not be mistaken for
// theirs.
func (a *assembler) forget() { clear(a.begun) }

// verdictsIn estimates how many verdicts that many messages make up, at least one.
func (a *assembler) verdictsIn(messages int) int {
	const usual = 2 // messages per verdict
	if a.verdicts == 0 {
		return max(1, messages/usual)
	}
	return max(1, messages*a.verdicts/a.messages)
}

// add processes the next message. It returns a verdict once a packet's fate is known.
func (a *assembler) add(m netlink.Message) (v Verdict, complete bool, err error) {
	a.messages++
	if v, complete, err = a.take(m); complete {
		a.verdicts++
	}
	return v, complete, err
}

func (a *assembler) take(m netlink.Message) (Verdict, bool, error) {
	t, err := decode(m)
	if err != nil {
		return Verdict{}, false, err
	}
	if a.begun == nil {
		a.begun = map[uint32]Verdict{}
	}
	if state := a.states[t.handle]; t.table == traceName && t.kind == tracedRule && state != "" {
		a.begun[t.id] = begin(t, state)
		return Verdict{}, false, nil
	}
	at := site{t.table, t.chain}
	means := a.meaning(at)
	decides := t.code == codeAccept || t.code == codeDrop
	if means.Direction == "" || !decides || t.kind != tracedRule && t.kind != tracedPolicy {
		return Verdict{}, false, nil
	}
	v := a.finish(t, means)
	v.By = means.Default
	if t.kind == tracedRule {
		v.By, err = a.judge(at, t.handle)
	}
	v.Rejected = v.By.Kind == packet.ByGateway
	return v, err == nil && v.By != packet.By{}, err
}

// begin returns what the first message about a packet says.
func begin(t traceMessage, state packet.State) Verdict {
	v := Verdict{State: state, KernelState: stateName(t.state)}
	v.Packet, _ = packet.ParseHeaders(t.network, t.transport)
	const ethernet = 14 // bytes: the destination, the source and the type
	if len(t.link) >= ethernet && t.chain != string(packet.Egress) {
		v.Neighbour = [6]byte(t.link[6:12])
	}
	v.Headers = slices.Concat(t.network, t.transport) // a message about the policy has none
	return v
}

// finish returns what is known of a packet once a chain has decided.
func (a *assembler) finish(t traceMessage, means ruleset.Decides) Verdict {
	v, accepted := a.begun[t.id], t.code == codeAccept
	if !means.Continues || !accepted {
		delete(a.begun, t.id)
	}
	v.Direction, v.Forwarded, v.Accepted = means.Direction, means.Forwarded, accepted
	if v.Direction == packet.Ingress {
		v.Headers = nil
	}
	if packet, parsed := packet.ParseHeaders(t.network, t.transport); parsed {
		v.Packet = packet // a message about the policy has no headers
	}
	return v
}
