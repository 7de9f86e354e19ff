package sg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// largest is how large a file may be. Ten thousand sources take about 2 MB.
const largest = 32 << 20 // bytes

// A document is what `aws ec2 describe-…` writes, of any kind that is read.
type document struct {
	SecurityGroups     []types.SecurityGroup
	SecurityGroupRules []types.SecurityGroupRule
	NetworkInterfaces  []types.NetworkInterface
	PrefixLists        []prefixList
	Entries            []types.PrefixListEntry
}

// A prefixList is an element of describe-managed-prefix-lists or describe-prefix-lists.
type prefixList struct {
	types.ManagedPrefixList
	Cidrs *[]string
}

// Read adds what a file says to the account: the output of `aws ec2`
// describe-security-groups, describe-security-group-rules,
// describe-network-interfaces, describe-managed-prefix-lists,
// get-managed-prefix-list-entries or describe-prefix-lists, as JSON. The kind is
// seen from the members. The error is a *FileError; then the account is as before.
func (a *Account) Read(file string, from io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(from, largest+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	r := &reader{file: file, text: text, account: a.clone()}
	if len(text) > largest {
		return r.fail(nil, "the file is larger than %d MB", largest>>20)
	}
	if err := r.read(); err != nil {
		return err
	}
	*a = *r.account
	return nil
}

// clone is a copy that can be added to by itself.
func (a *Account) clone() *Account {
	c := *a
	c.Groups = make([]*Group, 0, len(a.Groups))
	for _, g := range a.Groups {
		c.Groups = append(c.Groups, g.Clone())
	}
	c.Interfaces, c.PrefixLists, c.Notes = slices.Clone(a.Interfaces), slices.Clone(a.PrefixLists), slices.Clone(a.Notes)
	return &c
}

// A reader reads one file.
type reader struct {
	file    string
	text    []byte
	account *Account
}

func (r *reader) read() error {
	var members map[string]json.RawMessage
	if err := r.decode(&members); err != nil {
		return err
	}
	var d document
	if err := r.decode(&d); err != nil {
		return err
	}
	kinds := []struct {
		member string
		read   func() error
	}{
		{"SecurityGroups", func() error { return r.groups(d.SecurityGroups) }},
		{"SecurityGroupRules", func() error { return r.rules(d.SecurityGroupRules) }},
		{"NetworkInterfaces", func() error { return r.interfaces(d.NetworkInterfaces) }},
		{"PrefixLists", func() error { return r.prefixLists(d.PrefixLists) }},
		{"Entries", func() error { return r.entries(d.Entries) }},
	}
	known := false
	var names []string
	for _, kind := range kinds {
		names = append(names, kind.member)
		if _, there := members[kind.member]; !there {
			continue
		}
		known = true
		if err := kind.read(); err != nil {
			return err
		}
	}
	if !known {
		return r.fail(nil, "none of %s is here: this is not the output of an aws ec2 command that lablab reads", strings.Join(names, ", "))
	}
	return nil
}

// decode reads the whole text as one JSON value.
func (r *reader) decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(r.text))
	err := d.Decode(into)
	if err == nil {
		if _, extra := d.Token(); !errors.Is(extra, io.EOF) {
			return r.failAt(d.InputOffset(), "something follows the end of the JSON text")
		}
		return nil
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return r.failAt(max(syntax.Offset-1, 0), "not valid JSON: %s", strings.TrimPrefix(syntax.Error(), "json: "))
	case errors.As(err, &kind):
		return r.failAt(kind.Offset-1, "%s is of the wrong type: %s", lastOf(kind.Field), kind.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.failAt(int64(len(r.text)), "not valid JSON: it ends too early")
	}
	return r.fail(nil, "not what aws ec2 writes: %v", err)
}

func lastOf(field string) string {
	if field == "" {
		return "the file"
	}
	return field[strings.LastIndexByte(field, '.')+1:]
}

// fail says what is wrong with the value at p.
func (r *reader) fail(p path, format string, args ...any) error {
	return r.failAt(p.offset(r.text), format, args...)
}

func (r *reader) failAt(offset int64, format string, args ...any) error {
	line, column := place(r.text, offset)
	return &FileError{File: r.file, Line: line, Column: column, Message: fmt.Sprintf(format, args...)}
}

// note tells of something about the value at p.
func (r *reader) note(p path, format string, args ...any) {
	line, column := place(r.text, p.offset(r.text))
	r.account.Notes = append(r.account.Notes, Note{File: r.file, Line: line, Column: column, Text: fmt.Sprintf(format, args...)})
}

func (r *reader) interfaces(list []types.NetworkInterface) error {
	r.account.knowsInterfaces = true
	for n, from := range list {
		at := path{"NetworkInterfaces", n}
		i := Interface{ID: text(from.NetworkInterfaceId)}
		for _, g := range from.Groups {
			i.Groups = append(i.Groups, text(g.GroupId))
		}
		add := func(p path, address *string) error {
			if address == nil {
				return nil
			}
			parsed, err := parseAddress(*address)
			if err != nil {
				return r.fail(p, "%v", err)
			}
			if !slices.Contains(i.Addresses, parsed) {
				i.Addresses = append(i.Addresses, parsed)
			}
			return nil
		}
		if err := add(at.with("PrivateIpAddress"), from.PrivateIpAddress); err != nil {
			return err
		}
		for k, private := range from.PrivateIpAddresses {
			if err := add(at.with("PrivateIpAddresses", k, "PrivateIpAddress"), private.PrivateIpAddress); err != nil {
				return err
			}
		}
		for k, six := range from.Ipv6Addresses {
			if err := add(at.with("Ipv6Addresses", k, "Ipv6Address"), six.Ipv6Address); err != nil {
				return err
			}
		}
		if t := from.ConnectionTrackingConfiguration; t != nil {
			i.TCPEstablished, i.UDPStream, i.UDP = number(t.TcpEstablishedTimeout), number(t.UdpStreamTimeout), number(t.UdpTimeout)
		}
		r.account.Interfaces = append(r.account.Interfaces, i)
	}
	return nil
}

func (r *reader) prefixLists(list []prefixList) error {
	for n, from := range list {
		at := path{"PrefixLists", n}
		l := r.prefixList(text(from.PrefixListId))
		if l.ID == "" {
			return r.fail(at, "PrefixListId is missing")
		}
		l.Name, l.MaxEntries = text(from.PrefixListName), number(from.MaxEntries)
		if from.Cidrs == nil {
			continue
		}
		l.Entries, l.Known = nil, true
		for k, cidr := range *from.Cidrs {
			prefix, err := r.cidr(at.with("Cidrs", k), cidr)
			if err != nil {
				return err
			}
			l.Entries = append(l.Entries, prefix)
		}
	}
	return nil
}

var prefixListID = regexp.MustCompile(`pl-[0-9a-f]+`)

// entries reads get-managed-prefix-list-entries, which does not say of which
// list they are: it is the one that the name of the file names, or the only one
// whose entries are not known.
func (r *reader) entries(list []types.PrefixListEntry) error {
	id := prefixListID.FindString(filepath.Base(r.file))
	if id == "" {
		var open []string
		for _, l := range r.account.PrefixLists {
			if !l.Known {
				open = append(open, l.ID)
			}
		}
		if len(open) != 1 {
			return r.fail(path{"Entries"}, "of which prefix list these entries are is not said here: name the file after it, as in pl-0123456789abcdef0.json")
		}
		id = open[0]
	}
	l := r.prefixList(id)
	for n, entry := range list {
		prefix, err := r.cidr(path{"Entries", n, "Cidr"}, text(entry.Cidr))
		if err != nil {
			return err
		}
		l.Entries = append(l.Entries, prefix)
	}
	l.Known = true
	return nil
}

// prefixList is the one with that id, which is added if it is new.
func (r *reader) prefixList(id string) *PrefixList {
	lists := &r.account.PrefixLists
	i := slices.IndexFunc(*lists, func(l PrefixList) bool { return l.ID == id })
	if i < 0 {
		i = len(*lists)
		*lists = append(*lists, PrefixList{ID: id})
	}
	return &(*lists)[i]
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func number(n *int32) int {
	if n == nil {
		return 0
	}
	return int(*n)
}
