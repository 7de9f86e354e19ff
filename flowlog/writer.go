package flowlog

import (
	"io"
	"net/netip"
	"strconv"

	"lablab/say"
)

// A Writer writes records.
type Writer struct {
	w      io.Writer
	format Format
	line   []byte
}

// NewWriter writes records in a format; its zero value is [Default].
func NewWriter(w io.Writer, format Format) *Writer {
	if len(format.fields) == 0 {
		format = Default()
	}
	return &Writer{w: w, format: format}
}

// WriteHeader writes the line that names the fields, as files in Amazon S3 begin with.
func (w *Writer) WriteHeader() error {
	w.line = append(append(w.line[:0], w.format.Header()...), '\n')
	return w.flush()
}

// Write writes a record. What it does not know becomes "-". Its version is that of the format.
func (w *Writer) Write(r Record) error {
	w.line = w.line[:0]
	for i, f := range w.format.fields {
		if i > 0 {
			w.line = append(w.line, ' ')
		}
		switch {
		case f == Version:
			w.line = strconv.AppendInt(w.line, int64(w.format.Version()), 10)
		case f >= typed || !r.Has(f):
			w.line = append(w.line, '-')
		default:
			var err error
			if w.line, err = r.append(w.line, f); err != nil {
				return say.Errorf("write flow log: %w", err)
			}
		}
	}
	w.line = append(w.line, '\n')
	return w.flush()
}

func (w *Writer) flush() error {
	if _, err := w.w.Write(w.line); err != nil {
		return say.Errorf("write flow log: %w", err)
	}
	return nil
}

// append appends the value of a field.
func (r *Record) append(line []byte, f Field) ([]byte, error) {
	number := func(n uint64) ([]byte, error) { return strconv.AppendUint(line, n, 10), nil }
	address := func(a netip.Addr) ([]byte, error) {
		if !a.IsValid() || a.Zone() != "" {
			return nil, say.Errorf("field %s: %s is not an address of the network", f.String(), a.String())
		}
		return a.AppendTo(line), nil
	}
	switch f {
	case SrcAddr:
		return address(r.SrcAddr)
	case DstAddr:
		return address(r.DstAddr)
	case PktSrcAddr:
		return address(r.PktSrcAddr)
	case PktDstAddr:
		return address(r.PktDstAddr)
	case SrcPort:
		return number(uint64(r.SrcPort))
	case DstPort:
		return number(uint64(r.DstPort))
	case Protocol:
		return number(uint64(r.Protocol))
	case Packets:
		return number(r.Packets)
	case Bytes:
		return number(r.Bytes)
	case Start:
		return number(uint64(r.Start.Unix()))
	case End:
		return number(uint64(r.End.Unix()))
	case ActionTaken:
		return r.word(line, f, string(r.Action))
	case LogStatus:
		return r.word(line, f, string(r.Status))
	case FlowDirection:
		return r.word(line, f, string(r.FlowDirection))
	case TCPFlags:
		return number(uint64(r.TCPFlags))
	case TrafficPath:
		return number(uint64(r.TrafficPath))
	}
	return r.word(line, f, *r.text(f))
}

// word appends a text.
func (r *Record) word(line []byte, f Field, text string) ([]byte, error) {
	if !plain(text) {
		return nil, say.Errorf("field %s: unexpected value %q", f.String(), text)
	}
	return append(line, text...), nil
}
