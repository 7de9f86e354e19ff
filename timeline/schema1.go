package timeline

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// Records of schema 1, written before version 0.1, hold packets, rules and deciders as text. Only
// this file parses text that lablab wrote.

// readJudged reads a verdict, in either schema.
func readJudged(b []byte) (Body, error) {
	var v struct {
		Judged
		Packet json.RawMessage `json:"packet"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, err
	}
	var text string
	if json.Unmarshal(v.Packet, &text) != nil {
		return v.Judged, json.Unmarshal(v.Packet, &v.Judged.Packet)
	}
	var err error
	v.Judged.Packet, err = parsePacket(text)
	v.Kind = kindOf(v.ID, v.Number)
	return v.Judged, err
}

// readCanary reads the dropped packet of a self-check, in either schema.
func readCanary(b []byte) (Body, error) {
	var old struct{ Host, Packet string }
	if json.Unmarshal(b, &old) != nil {
		return read[CanaryDropped](b)
	}
	h, err := parsePacket(old.Packet)
	return CanaryDropped{Host: old.Host, Packet: h}, err
}

// readACL reads a change of a network ACL, in either schema.
func readACL(b []byte) (Body, error) {
	var old struct {
		Host  string   `json:"host"`
		On    *bool    `json:"on"`
		Rules []string `json:"rules"`
	}
	if err := json.Unmarshal(b, &old); err != nil || old.On == nil {
		return read[ACLChanged](b)
	}
	changed := ACLChanged{Host: old.Host}
	if !*old.On {
		return changed, nil
	}
	changed.ACL = &sg.ACL{}
	for _, text := range old.Rules {
		direction, text, _ := strings.Cut(text, " ")
		number, text, _ := strings.Cut(text, " ")
		verb, text, _ := strings.Cut(text, " ")
		rule, err := parseRule(text)
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, say.Errorf("%q is not the number of a rule", number)
		}
		r := sg.ACLRule{Number: n, Allow: verb == "allow", Protocol: rule.Protocol, From: rule.From, To: rule.To, Peer: rule.Peer}
		if packet.Direction(direction) == packet.Ingress {
			changed.ACL.Ingress = append(changed.ACL.Ingress, r)
		} else {
			changed.ACL.Egress = append(changed.ACL.Egress, r)
		}
	}
	return changed, nil
}

// readRule reads a rule, in either schema.
func readRule(b []byte) (Rule, error) {
	var r Rule
	if err := json.Unmarshal(b, &r); err != nil {
		return r, err
	}
	var old struct {
		Protocol *int   `json:"protocol"`
		Text     string `json:"text"`
	}
	if err := json.Unmarshal(b, &old); err != nil || old.Protocol != nil {
		return r, err
	}
	rule, err := parseRule(old.Text)
	rule.ID = r.ID
	r.Rule = rule
	return r, err
}

func readAuthorized(b []byte) (Body, error) {
	r, err := readRule(b)
	if err != nil {
		return nil, err
	}
	a := RuleAuthorized{Rule: r}
	var more struct{ Existing bool }
	err = json.Unmarshal(b, &more)
	a.Existing = more.Existing
	return a, err
}

func readRevoked(b []byte) (Body, error) {
	r, err := readRule(b)
	return RuleRevoked{r}, err
}

// kindOf returns the kind of decider that has this id. Only a rule of a group has a number.
func kindOf(id string, number uint32) packet.Kind {
	switch {
	case number != 0:
		return packet.ByGroup
	case strings.HasPrefix(id, "acl-"):
		return packet.ByACL
	}
	return map[string]packet.Kind{
		packet.EstablishedID: packet.ByEstablished, packet.RelatedID: packet.ByRelated, packet.DefaultDenyID: packet.ByDefault,
		packet.NeighbourDiscoveryID: packet.ByLink, packet.MulticastListenerID: packet.ByLink,
		packet.LoopbackID: packet.ByLoopback, packet.AmazonServiceID: packet.ByService,
	}[id]
}

// parsePacket reads "tcp 10.0.0.1:40000 > 10.0.0.2:22 [S.] 0 bytes" or
// "icmp 10.0.0.1 > 10.0.0.2 type 8 code 0 id 1 seq 2".
func parsePacket(text string) (packet.Header, error) {
	var h packet.Header
	words := strings.Fields(text)
	if len(words) < 4 || words[2] != ">" {
		return h, say.Errorf("%q is not a packet", text)
	}
	var known bool
	if h.Protocol, known = packet.ParseProtocol(words[0]); !known {
		return h, say.Errorf("%q is not a protocol", words[0])
	}
	var err error
	if h.Source, h.SourcePort, err = parseEnd(words[1]); err != nil {
		return h, err
	}
	if h.Destination, h.DestinationPort, err = parseEnd(words[3]); err != nil {
		return h, err
	}
	rest := words[4:]
	if h.Protocol == packet.TCP && len(rest) >= 2 {
		for i, flag := range "FSRP." {
			if strings.ContainsRune(rest[0], flag) {
				h.TCPFlags |= 1 << i
			}
		}
		h.Length, err = strconv.Atoi(rest[1])
		return h, err
	}
	for ; len(rest) >= 2; rest = rest[2:] {
		n, err := strconv.ParseUint(rest[1], 10, 16)
		if err != nil {
			return h, say.Errorf("%q is not a packet", text)
		}
		switch rest[0] {
		case "type":
			h.ICMPType = uint8(n)
		case "code":
			h.ICMPCode = uint8(n)
		case "id":
			h.EchoID = uint16(n)
		case "seq":
			h.EchoSeq = uint16(n)
		}
	}
	return h, nil
}

// parseEnd reads an address and, if present, its port.
func parseEnd(text string) (netip.Addr, uint16, error) {
	if both, err := netip.ParseAddrPort(text); err == nil {
		return both.Addr(), both.Port(), nil
	}
	a, err := netip.ParseAddr(text)
	return a, 0, err
}

// parseRule reads "tcp 1000-2000 10.0.0.0/8", "icmp type 8 code 0 sg-1", "all pl-1".
func parseRule(text string) (sg.Rule, error) {
	r := sg.Rule{From: sg.Any, To: sg.Any}
	words := strings.Fields(text)
	if len(words) < 2 {
		return r, say.Errorf("%q is not a rule", text)
	}
	var known bool
	if r.Protocol, known = packet.ParseProtocol(words[0]); !known && words[0] != packet.All.String() {
		return r, say.Errorf("%q is not a protocol", words[0])
	} else if !known {
		r.Protocol = packet.All
	}
	what, peer := words[1:len(words)-1], words[len(words)-1]
	switch {
	case len(what) >= 2 && what[0] == "type":
		r.From, _ = strconv.Atoi(what[1])
		if len(what) == 4 {
			r.To, _ = strconv.Atoi(what[3])
		}
	case len(what) == 1:
		from, to, isRange := strings.Cut(what[0], "-")
		r.From, _ = strconv.Atoi(from)
		if r.To = r.From; isRange {
			r.To, _ = strconv.Atoi(to)
		}
	}
	prefix, err := netip.ParsePrefix(peer)
	switch {
	case err == nil:
		r.Peer = prefix
	case strings.HasPrefix(peer, "pl-"):
		r.PrefixList = peer
	default:
		r.Reference = sg.Reference{GroupID: peer}
	}
	return r, nil
}
