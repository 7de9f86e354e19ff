package live

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"

	"lablab/packet"
	"lablab/say"
)

// A document is the XML that conntrack writes, as it is being read. It has no entities and sections of
// CDATA, so tags and text are all there is.
type document struct {
	*collector
	from *bufio.Reader

	text   []byte // of the element being read
	inFlow bool
	flow   Flow
	way    [2]tuple
	n      int // of the direction; -1 for what concerns both
	number uint64
	wrong  error // the first one in the flow
}

// xml reads what conntrack -o xml writes, element by element. Several documents may follow one another.
func (c *collector) xml(r *bufio.Reader) error {
	d := document{collector: c, from: r}
	c.Lines = 1
	for {
		text, err := d.until('<')
		if err != nil {
			return d.stopped(err, len(bytes.TrimSpace(text)) > 0 && d.inFlow)
		}
		d.text = append(d.text, bytes.TrimSpace(text)...)
		tag, err := d.until('>')
		if err != nil {
			return d.stopped(err, true)
		}
		if err := d.tag(tag); err != nil {
			return err
		}
	}
}

// until returns what precedes the next such character, and passes over it.
func (d *document) until(end byte) ([]byte, error) {
	text, err := d.from.ReadSlice(end)
	d.Lines += bytes.Count(text, []byte{'\n'})
	if err == nil {
		text = text[:len(text)-1]
	}
	return text, err
}

// stopped returns the error that ended the document, unless it is its end.
func (d *document) stopped(err error, within bool) error {
	if errors.Is(err, bufio.ErrBufferFull) {
		return d.invalid(d.Lines, say.Sentence{}, "not valid XML: %s", say.New("a tag does not end"))
	}
	if errors.Is(err, io.EOF) && (d.inFlow || within) {
		d.cutOff()
	}
	return d.collector.stopped(err)
}

// tag begins or ends an element, or both.
func (d *document) tag(tag []byte) error {
	switch {
	case bytes.HasPrefix(tag, []byte("?")), bytes.HasPrefix(tag, []byte("!")):
		return nil
	case bytes.ContainsRune(tag, '<'):
		return d.invalid(d.Lines, say.Sentence{}, "not valid XML: %s", say.New("there is a < in a tag"))
	}
	if name, ends := bytes.CutPrefix(tag, []byte("/")); ends {
		d.end(string(bytes.TrimSpace(name)))
		return nil
	}
	tag, empty := bytes.CutSuffix(tag, []byte("/"))
	name, attributes, _ := bytes.Cut(tag, []byte(" "))
	element := string(bytes.TrimSpace(name))
	d.start(element, attributes)
	if empty {
		d.end(element)
	}
	return nil
}

// attribute returns the value of an attribute, or "".
func attribute(attributes []byte, name string) string {
	_, value, _ := bytes.Cut(attributes, []byte(name+`="`))
	value, _, _ = bytes.Cut(value, []byte(`"`))
	return string(value)
}

// start begins an element.
func (d *document) start(name string, attributes []byte) {
	d.text = d.text[:0]
	switch name {
	case "flow":
		d.inFlow, d.flow, d.way, d.wrong, d.number, d.n = true, Flow{Replied: true}, [2]tuple{}, nil, 0, -1
		if attribute(attributes, "type") == "destroy" {
			d.flow.TCP = "CLOSE"
		}
	case "meta":
		d.n = -1
		switch attribute(attributes, "direction") {
		case "original":
			d.n = 0
		case "reply":
			d.n = 1
		}
	case "layer4":
		var err error
		protocol := attribute(attributes, "protonum")
		if d.number, err = strconv.ParseUint(protocol, 10, 8); err != nil {
			d.fail(say.Errorf("%q is not the number of a protocol", protocol))
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
		if d.wrong == nil {
			d.wrong = d.add()
		}
		if d.wrong != nil {
			d.collector.fail(d.Lines, d.wrong)
		}
	case !d.inFlow || text == "":
	case d.n < 0:
		d.both(name, text)
	default:
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
		if d.number == uint64(packet.TCP) && d.flow.TCP == "" {
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

// add adds the flow that was read. Its ICMP has no type, code and id: conntrack-tools leaves them out of
// its XML.
func (d *document) add() error {
	p := packet.Protocol(d.number)
	if p.IsICMP() && d.way[0].given&hasType == 0 {
		request := echo(p)
		reply, _ := packet.Reply(p, request)
		d.way[0].ICMPType, d.way[1].ICMPType = request, reply
	}
	return d.entry(d.flow, p, &d.way)
}
