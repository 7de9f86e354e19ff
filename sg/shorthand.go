package sg

import (
	"strings"
	"unicode/utf8"
)

// shorthand reads permissions in the AWS CLI's shorthand, separated by spaces (AWS CLI user guide,
// "Shorthand syntax"):
//
//	IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=203.0.113.0/24}]
func (r *reader) shorthand() ([]*node, error) {
	s := &shorthand{r: r, rest: string(r.text)}
	var all []*node
	for s.spaces(); s.rest != ""; s.spaces() {
		n, err := s.object("")
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// A shorthand is what remains to be read.
type shorthand struct {
	r     *reader
	rest  string
	depth int // of lists and objects
}

// here returns an empty node at the next character.
func (s *shorthand) here(k kind) *node {
	line, column := place(s.r.text, int64(len(s.r.text)-len(s.rest)))
	return &node{kind: k, line: int32(line), column: int32(column)}
}

func (s *shorthand) spaces() { s.rest = strings.TrimLeft(s.rest, " \t\r\n") }

// take removes a prefix and reports whether it was there.
func (s *shorthand) take(prefix string) bool {
	rest, found := strings.CutPrefix(s.rest, prefix)
	s.rest = rest
	return found
}

// object reads name=value pairs up to an end; one without an end goes up to a space.
func (s *shorthand) object(end string) (*node, error) {
	n := s.here(object)
	for end == "" || !s.take(end) {
		at := s.here(text)
		name, rest, found := strings.Cut(s.rest, "=")
		if !found || name == "" || strings.ContainsAny(name, " \t\r\n,[]{}\"'") {
			return nil, s.r.fail(at, "expected a name and =, as in IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=203.0.113.0/24}]")
		}
		s.rest = rest
		value, err := s.value()
		if err != nil {
			return nil, err
		}
		if err := s.r.put(n, at, name, value); err != nil {
			return nil, err
		}
		if s.spaces(); s.take(",") {
			s.spaces()
		} else if end == "" {
			break
		} else if !strings.HasPrefix(s.rest, end) {
			return nil, s.r.fail(s.here(text), "expected , or %s", end)
		}
	}
	return n, nil
}

func (s *shorthand) value() (*node, error) {
	n := s.here(text)
	s.depth++
	defer func() { s.depth-- }()
	switch {
	case s.take("{"):
		s.spaces()
		return s.object("}")
	case s.take("["):
		n.kind = array
		for s.spaces(); !s.take("]"); {
			item, err := s.value()
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
			if s.spaces(); s.take(",") {
				s.spaces()
			} else if !strings.HasPrefix(s.rest, "]") {
				return nil, s.r.fail(s.here(text), "expected , or %s", "]")
			}
		}
		return n, nil
	case s.take(`"`):
		return n, s.quoted(n, '"')
	case s.take("'"):
		return n, s.quoted(n, '\'')
	}
	ends := ",]}"
	if s.depth == 1 { // there a space separates permissions
		ends += " \t\r\n"
	}
	end := strings.IndexAny(s.rest, ends)
	if end < 0 {
		end = len(s.rest)
	}
	n.text, s.rest = strings.TrimSpace(s.rest[:end]), s.rest[end:]
	return n, nil
}

// quoted reads up to a quote; a backslash keeps the next character.
func (s *shorthand) quoted(n *node, quote rune) error {
	for s.rest != "" {
		c, size := utf8.DecodeRuneInString(s.rest)
		s.rest = s.rest[size:]
		switch {
		case c == quote:
			return nil
		case c == '\\' && s.rest != "":
			c, size = utf8.DecodeRuneInString(s.rest)
			s.rest = s.rest[size:]
		}
		n.text += string(c)
	}
	return s.r.fail(n, "the quotation mark is not closed")
}
