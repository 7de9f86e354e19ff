package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"lablab/packet"
	"lablab/say"
)

// A row is a flow in a line of JSON. It may be what lablab probe --batch reads.
type row struct {
	Host       string    `json:"host"`
	Direction  string    `json:"direction"` // of the first packet: in or out
	From       string    `json:"from"`      // source of the first packet
	To         string    `json:"to"`
	Protocol   protoName `json:"protocol"`
	SourcePort *uint16   `json:"source_port"`
	Port       *uint16   `json:"port"`
	Type       *uint8    `json:"type"`
	Code       uint8     `json:"code"`
	ID         uint16    `json:"id"` // of an echo
	// State is live, new or rejected, or one of those that probe has.
	State   string    `json:"state"`
	TCP     string    `json:"tcp"` // as conntrack names it
	Replied *bool     `json:"replied"`
	Packets uint64    `json:"packets"`
	Bytes   uint64    `json:"bytes"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Idle    float64   `json:"idle_seconds"`
	Left    float64   `json:"left_seconds"`
	Egress  bool      `json:"egress"` // as direction out
	Forward bool      `json:"forward"`
}

// A protoName is a protocol's name or number, as a JSON string or number.
type protoName string

// UnmarshalJSON accepts a string or a number.
func (p *protoName) UnmarshalJSON(b []byte) error {
	if n, err := strconv.Atoi(string(b)); err == nil {
		*p = protoName(strconv.Itoa(n))
		return nil
	}
	return json.Unmarshal(b, (*string)(p))
}

// ours reads a flow in a line of JSON. The format is lablab's own, so every error is the file's.
func (c *collector) ours(line string) error {
	var r row
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	err := d.Decode(&r)
	if err == nil && len(bytes.TrimSpace([]byte(line[d.InputOffset():]))) > 0 {
		return c.invalid(c.Lines, say.F("write one flow per line"), "there is more than one value")
	}
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return c.invalid(c.Lines, say.F("write one flow per line, and the whole of it"), "the flow is incomplete")
	case errors.As(err, &wrong) && wrong.Field != "":
		return c.invalid(c.Lines, say.Sentence{}, "%s has a wrong value: %s", wrong.Field, wrong.Value)
	case err != nil:
		return c.invalid(c.Lines, say.Sentence{}, "not a flow: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	f, err := r.flow()
	if err != nil {
		return c.invalid(c.Lines, say.Sentence{}, "%s", err)
	}
	if (!f.Source.IsValid() || !f.Destination.IsValid()) && r.Host+c.options.Host == "" {
		return c.invalid(c.Lines, say.Sentence{}, "host is missing: without it, the flow needs from and to")
	}
	c.add(f)
	return nil
}

// flow returns the flow that the row describes.
func (r *row) flow() (Flow, error) {
	f := Flow{Host: r.Host, TCP: r.TCP, Packets: r.Packets, Bytes: r.Bytes, First: r.First, Last: r.Last}
	var known bool
	if f.Protocol, known = packet.ParseProtocol(string(r.Protocol)); !known || f.Protocol < 0 {
		return f, say.Errorf("protocol is %q: want tcp, udp, icmp, icmpv6 or a number", string(r.Protocol))
	}
	var err error
	if f.Direction, err = r.direction(); err != nil {
		return f, err
	}
	for _, end := range []struct {
		name, text string
		to         *netip.Addr
	}{{"from", r.From, &f.Source}, {"to", r.To, &f.Destination}} {
		if end.text == "" {
			continue
		}
		if *end.to, err = address(end.text); err != nil {
			return f, say.Errorf("%s: %w", end.name, err)
		}
	}
	if err := errors.Join(f.checkEnds(), r.ports(&f), r.state(&f)); err != nil {
		return f, first(err)
	}
	if f.Idle, err = seconds("idle_seconds", r.Idle); err != nil {
		return f, err
	}
	f.Left, err = seconds("left_seconds", r.Left)
	return f, err
}

// first returns the first of the errors that were joined.
func first(err error) error {
	var all interface{ Unwrap() []error }
	if errors.As(err, &all) {
		return all.Unwrap()[0]
	}
	return err
}

// direction returns the direction of the first packet at the host.
func (r *row) direction() (packet.Direction, error) {
	switch {
	case r.Forward:
		return "", say.New("forward: flows that a host forwards are not read; write one flow for each host where it ends")
	case r.Direction == "out", r.Direction == "" && r.Egress, r.Direction == string(packet.Egress):
		return packet.Egress, nil
	case r.Direction == "in", r.Direction == string(packet.Ingress), r.Direction == "" && (r.Host != "" || r.To == ""):
		return packet.Ingress, nil
	case r.Direction == "":
		return "", nil
	}
	return "", say.Errorf("direction is %q: want in or out", r.Direction)
}

// checkEnds checks that the flow has the addresses that its host does not give.
func (f *Flow) checkEnds() error {
	switch from, to := f.Source.IsValid(), f.Destination.IsValid(); {
	case !from && (f.Direction != packet.Egress || !to):
		return say.New("from is missing")
	case !to && (f.Direction != packet.Ingress || !from):
		return say.New("to is missing")
	case from && to && f.Source.Is4() != f.Destination.Is4():
		return say.New("from and to are of different versions of IP")
	}
	return nil
}

// ports sets ports, or type and code.
func (r *row) ports(f *Flow) error {
	switch {
	case f.Protocol == packet.TCP || f.Protocol == packet.UDP:
		if r.Port == nil {
			return say.New("port is missing")
		}
		f.DestinationPort = *r.Port
		if r.SourcePort != nil {
			f.SourcePort = *r.SourcePort
		}
	case r.Port != nil || r.SourcePort != nil:
		return say.Errorf("protocol %s has no ports", f.Protocol)
	}
	switch {
	case f.Protocol.IsICMP():
		f.ICMPType, f.ICMPCode, f.ICMPID = echo(f.Protocol), r.Code, r.ID
		if r.Type != nil {
			f.ICMPType = *r.Type
		}
	case r.Type != nil || r.Code != 0 || r.ID != 0:
		return say.Errorf("protocol %s has no type, code and id", f.Protocol)
	}
	return nil
}

// state sets how far the flow got. A live one has been answered, unless the row says otherwise.
func (r *row) state(f *Flow) error {
	switch r.State {
	case "", "live", "established", "untracked":
		f.Replied, f.Untracked = f.TCP != "SYN_SENT", r.State == "untracked"
	case "reply": // the packet that probe sends answers the flow
		f.Key, f.Replied = f.Key.Reversed(), true
		if f.Direction != "" {
			f.Direction = f.Direction.Opposite()
		}
	case "new":
		f.New = true
	case "rejected":
		f.Rejected = true
	default:
		return say.Errorf("state is %q: want live, new or rejected", r.State)
	}
	if f.TCP != "" && f.Protocol != packet.TCP {
		return say.Errorf("tcp is for protocol tcp, and not for %s", f.Protocol)
	}
	if r.Replied != nil {
		f.Replied = *r.Replied
	}
	if f.Protocol == packet.TCP && f.TCP == "" && f.Replied {
		f.TCP = "ESTABLISHED"
	}
	return nil
}

// seconds converts a number of seconds.
func seconds(name string, s float64) (time.Duration, error) {
	const most = 1e9
	if math.IsNaN(s) || s < 0 || s > most {
		return 0, say.Errorf("%s is %v: want seconds", name, s)
	}
	return time.Duration(s * float64(time.Second)), nil
}
