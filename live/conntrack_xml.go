package live

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A document is the XML that conntrack writes, as it is being read.
type document struct {
	*collector
	*xml.Decoder
	text    []byte // of the element being read
	inFlow  bool
	flow    Flow
	way     [2]tuple
	n       int // of the direction; -1 for what concerns both
	number  uint64
	wrong   error // the first one in the flow
	counted bool  // whether the line with the flow was counted
}

// xml reads what conntrack -o xml writes, element by element. Several documents may follow one another.
func (c *collector) xml(r io.Reader) error {
	d := document{collector: c, Decoder: xml.NewDecoder(r)}
	d.Strict = false
	for {
		token, err := d.RawToken()
		c.Lines, _ = d.InputPos()
		var broken *xml.SyntaxError
		switch {
		case errors.Is(err, io.EOF):
			c.truncated = c.truncated || d.inFlow
			return nil
		case errors.As(err, &broken) && strings.HasSuffix(broken.Msg, "unexpected EOF"), errors.Is(err, io.ErrUnexpectedEOF):
			c.truncated = true
			return nil
		case errors.As(err, &broken):
			return c.invalid(broken.Line, say.Sentence{}, "not valid XML: %s", broken.Msg)
		case err != nil:
			return say.Errorf("read %s: %w", c.File, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			d.start(t)
		case xml.CharData:
			d.text = append(d.text, bytes.TrimSpace(t)...)
		case xml.EndElement:
			d.end(t.Name.Local)
		}
	}
}

// start begins an element.
func (d *document) start(e xml.StartElement) {
	d.text = d.text[:0]
	attribute := func(name string) string {
		for _, a := range e.Attr {
			if a.Name.Local == name {
				return a.Value
			}
		}
		return ""
	}
	switch e.Name.Local {
	case "flow":
		d.inFlow, d.flow, d.way, d.wrong, d.number = true, Flow{Replied: true}, [2]tuple{}, nil, 0
		if attribute("type") == "destroy" {
			d.flow.TCP = "CLOSE"
		}
	case "meta":
		switch attribute("direction") {
		case "original":
			d.n = 0
		case "reply":
			d.n = 1
		default:
			d.n = -1
		}
	case "layer4":
		var err error
		if d.number, err = strconv.ParseUint(attribute("protonum"), 10, 8); err != nil {
			d.fail(say.Errorf("%q is not the number of a protocol", attribute("protonum")))
		}
	case "unreplied":
		d.flow.Replied = false
	}
}

func (d *document) fail(err error) {
	if d.wrong == nil {
		d.wrong = err
	}
}

// end takes what an element says.
func (d *document) end(name string) {
	text := string(d.text)
	d.text = d.text[:0]
	switch {
	case name == "flow" && d.inFlow:
		d.inFlow = false
		d.finishFlow()
	case !d.inFlow:
	case d.n < 0:
		d.both(name, text)
	case name == "type" && d.number > 0, name == "code", name == "id", name == "src", name == "dst", name == "sport", name == "dport", name == "packets", name == "bytes":
		if err := d.way[d.n].set(&d.flow, name, text); err != nil {
			d.fail(err)
		}
	}
}

// both takes what an element says about both directions.
func (d *document) both(name, text string) {
	var err error
	switch name {
	case "state":
		if d.number == uint64(packet.TCP) {
			d.flow.TCP = text
		}
	case "timeout":
		var seconds uint64
		seconds, err = strconv.ParseUint(text, 10, 32)
		d.flow.Left = time.Duration(seconds) * time.Second
	case "start":
		var ns int64
		ns, err = strconv.ParseInt(text, 10, 64)
		d.flow.First = time.Unix(0, ns).UTC()
	}
	if err != nil {
		d.fail(say.Errorf("%q is not a number that fits here", text))
	}
}

// finishFlow adds the flow that was read.
func (d *document) finishFlow() {
	p := packet.Protocol(d.number)
	typed := d.way[0].given&hasType != 0
	if p.IsICMP() && !typed && d.wrong == nil { // conntrack-tools leaves type, code and id out of its XML
		d.echoes++
		request := echo(p)
		reply, _ := packet.Reply(p, request)
		d.way[0].ICMPType, d.way[1].ICMPType = request, reply
		d.flow.Guessed = false
	}
	if d.wrong == nil {
		d.wrong = d.entry(d.flow, p, &d.way)
	}
	var wrong *sg.FileError
	if d.wrong != nil && !errors.As(d.wrong, &wrong) {
		d.unread(d.wrong)
	}
}
