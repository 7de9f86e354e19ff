package flowlog

import (
	"cmp"
	"net/netip"
	"strings"
	"time"

	"lablab/packet"
	"lablab/say"
)

// values parses the values of a flow log. It keeps those that come again and again, so that they need
// no memory for each line.
type values struct {
	last      [typed]string // the field's value in the line before
	texts     map[string]string
	addresses map[string]netip.Addr
}

// parse parses a line of these fields.
func (v *values) parse(r *Record, want []Field, line []byte) error {
	rest := line
	for _, f := range want {
		var word []byte
		word, rest = firstWord(rest)
		switch {
		case len(word) == 0:
			return miscounted(line, want)
		case f >= typed, len(word) == 1 && word[0] == '-':
			continue
		}
		if !v.set(r, f, word) {
			return cmp.Or(miscounted(line, want), say.Errorf("field %s: unexpected value %q", f.String(), string(word[:min(len(word), 60)])))
		}
		r.Known |= 1 << f
	}
	if word, _ := firstWord(rest); len(word) > 0 {
		return miscounted(line, want)
	}
	return nil
}

// miscounted returns an error if a line has more or fewer fields than its format.
func miscounted(line []byte, want []Field) error {
	n := 0
	for word, rest := firstWord(line); len(word) > 0; word, rest = firstWord(rest) {
		n++
	}
	if n != len(want) {
		return say.Errorf("the line has %d fields, and its format has %d", n, len(want))
	}
	return nil
}

// set parses the value of one field, and reports whether it is valid.
func (v *values) set(r *Record, f Field, word []byte) (ok bool) {
	var n uint64
	switch f {
	case Version:
		n, ok = number(word, 255)
		r.Version = int(n)
	case SrcAddr:
		r.SrcAddr, ok = v.address(word)
	case DstAddr:
		r.DstAddr, ok = v.address(word)
	case PktSrcAddr:
		r.PktSrcAddr, ok = v.address(word)
	case PktDstAddr:
		r.PktDstAddr, ok = v.address(word)
	case SrcPort:
		n, ok = number(word, 1<<16-1)
		r.SrcPort = uint16(n)
	case DstPort:
		n, ok = number(word, 1<<16-1)
		r.DstPort = uint16(n)
	case Protocol:
		n, ok = number(word, 255)
		r.Protocol = packet.Protocol(n)
	case Packets:
		r.Packets, ok = number(word, 1<<63-1)
	case Bytes:
		r.Bytes, ok = number(word, 1<<63-1)
	case Start:
		r.Start, ok = instant(word)
	case End:
		r.End, ok = instant(word)
	case ActionTaken:
		r.Action, ok = oneOf(word, Accept, Reject)
	case LogStatus:
		r.Status, ok = oneOf(word, OK, NoData, SkipData)
	case FlowDirection:
		r.FlowDirection, ok = oneOf(word, packet.Ingress, packet.Egress)
	case TCPFlags:
		n, ok = number(word, 255)
		r.TCPFlags = uint8(n)
	case TrafficPath:
		n, ok = number(word, 255)
		r.TrafficPath = uint8(n)
	default:
		*r.text(f), ok = v.text(f, word)
	}
	return ok
}

// text returns where a record has a field that is a text.
func (r *Record) text(f Field) *string {
	switch f {
	case AccountID:
		return &r.AccountID
	case InterfaceID:
		return &r.InterfaceID
	case VPCID:
		return &r.VPCID
	case SubnetID:
		return &r.SubnetID
	case InstanceID:
		return &r.InstanceID
	case Type:
		return &r.Type
	case Region:
		return &r.Region
	case AZID:
		return &r.AZID
	case SublocationType:
		return &r.SublocationType
	case SublocationID:
		return &r.SublocationID
	case PktSrcAWSService:
		return &r.PktSrcAWSService
	}
	return &r.PktDstAWSService
}

// number parses a decimal number.
func number(word []byte, most uint64) (n uint64, ok bool) {
	if len(word) > 19 { // so that n cannot overflow
		return 0, false
	}
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n <= most
}

// instant parses Unix seconds.
func instant(word []byte) (time.Time, bool) {
	const year10000 = 253_402_300_800
	n, ok := number(word, year10000-1)
	return time.Unix(int64(n), 0).UTC(), ok
}

// oneOf returns the one of some words that a value is.
func oneOf[T ~string](word []byte, known ...T) (T, bool) {
	for _, k := range known {
		if string(word) == string(k) {
			return k, true
		}
	}
	return "", false
}

// most is how many values are kept before they are forgotten.
const most = 1 << 14

// text returns a text that may have been read before.
func (v *values) text(f Field, word []byte) (string, bool) {
	if v.last[f] == string(word) {
		return v.last[f], true
	}
	if s, known := v.texts[string(word)]; known {
		v.last[f] = s
		return s, true
	}
	if !plain(string(word)) {
		return "", false
	}
	if v.texts == nil || len(v.texts) >= most {
		v.texts = map[string]string{}
	}
	s := string(word)
	v.texts[s], v.last[f] = s, s
	return s, true
}

// plain reports whether a text can be the value of a field: it has no blanks, and nothing that a
// terminal would take for a command.
func plain(text string) bool {
	return text != "" && text != "-" && !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
}

// address parses an address.
func (v *values) address(word []byte) (netip.Addr, bool) {
	if a, ok := ipv4(word); ok {
		return a, true
	}
	if a, known := v.addresses[string(word)]; known {
		return a, true
	}
	text := string(word)
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	if v.addresses == nil || len(v.addresses) >= most {
		v.addresses = map[string]netip.Addr{}
	}
	v.addresses[text] = a
	return a, true
}

// ipv4 parses an IPv4 address as netip.ParseAddr does, but without a string.
func ipv4(word []byte) (netip.Addr, bool) {
	var address [4]byte
	part, digits, n := 0, 0, 0
	for _, c := range word {
		switch {
		case c >= '0' && c <= '9':
			if digits > 0 && n == 0 {
				return netip.Addr{}, false // a leading zero: is it octal?
			}
			n = n*10 + int(c-'0')
			digits++
			if n > 255 {
				return netip.Addr{}, false
			}
		case c == '.' && digits > 0 && part < 3:
			address[part] = byte(n)
			part, digits, n = part+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	address[3] = byte(n)
	return netip.AddrFrom4(address), part == 3 && digits > 0
}
