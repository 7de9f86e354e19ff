package sg

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"lablab/say"
)

// largest is the maximum file size. Ten thousand sources take about 2 MB.
const largest = 32 << 20 // bytes

// A document is the output of `aws ec2 describe-…`, of any supported kind.
type document struct {
	SecurityGroups     []types.SecurityGroup
	SecurityGroupRules []types.SecurityGroupRule
	NetworkInterfaces  []networkInterface
	PrefixLists        []prefixList
	Entries            []types.PrefixListEntry
	NextToken          *string
}

// A networkInterface is an element of describe-network-interfaces. It leaves out Attachment: a time
// in it that Go cannot parse would make the whole file invalid.
type networkInterface struct {
	types.NetworkInterface
	Attachment json.RawMessage
}

// A prefixList is an element of describe-managed-prefix-lists or describe-prefix-lists.
type prefixList struct {
	types.ManagedPrefixList
	Cidrs *[]string
}

// Read adds the content of a file to the account: the output of `aws ec2` describe-security-groups,
// describe-security-group-rules, describe-network-interfaces, describe-managed-prefix-lists,
// get-managed-prefix-list-entries or describe-prefix-lists, as JSON. The members show which kind it
// is. The error is a *FileError, and leaves the account unchanged.
func (a *Account) Read(file string, from io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(from, largest+1))
	if err != nil {
		return say.Errorf("read %s: %w", file, err)
	}
	r := &reader{file: file, text: text, account: a.clone()}
	if len(text) > largest {
		return r.fail(nil, "the file is larger than %d MB", largest>>20)
	}
	if err := r.read(); err != nil {
		return err
	}
	if more := r.notes - len(r.account.Notes) + len(a.Notes); more > 0 {
		r.account.Notes = append(r.account.Notes, Note{File: file, Line: 1, Column: 1, Text: say.F("and %d more such ranges", more)})
	}
	*a = *r.account
	return nil
}

// clone returns a copy that Read can add to.
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
	notes   int
	// The position of each rule in its group, for groups whose rules still get ids.
	places  map[placed]int
	indexed map[side]bool
}

func (r *reader) read() error {
	if err := r.utf8(); err != nil {
		return err
	}
	if err := r.namedOnce(); err != nil {
		return err
	}
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
	if d.NextToken != nil && *d.NextToken != "" {
		r.note(path{"NextToken"}, "this is incomplete: EC2 has more results (NextToken)")
	}
	if !known {
		return r.fail(nil, "found none of %s: this is not the output of an aws ec2 command that lablab reads", strings.Join(names, ", "))
	}
	return nil
}

// utf8 removes a byte order mark: Windows PowerShell writes one into UTF-8. By default PowerShell
// writes UTF-16, which utf8 rejects.
func (r *reader) utf8() error {
	if bytes.HasPrefix(r.text, []byte("\xff\xfe")) || bytes.HasPrefix(r.text, []byte("\xfe\xff")) {
		return r.failAt(0, "the file is UTF-16: write it as UTF-8, in PowerShell with \"| Out-File -Encoding utf8 FILE\" instead of \"> FILE\"")
	}
	r.text = bytes.TrimPrefix(r.text, []byte("\ufeff"))
	return nil
}

// namedOnce rejects an object with a duplicate member: encoding/json would merge the two into a
// rule that the file does not contain. It leaves invalid JSON to decode.
func (r *reader) namedOnce() error {
	type object struct {
		names map[string]bool // nil for an array
		name  bool            // the next token is a member's name
	}
	var open []object
	d := json.NewDecoder(bytes.NewReader(r.text))
	for {
		token, err := d.Token()
		if err != nil {
			return nil
		}
		delim, isDelim := token.(json.Delim)
		if isDelim && (delim == '}' || delim == ']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open) - 1; n >= 0 && open[n].names != nil {
			if open[n].name {
				name := strings.ToLower(token.(string))
				if open[n].names[name] {
					return r.failAt(d.InputOffset()-1, "%s appears twice in one object", token)
				}
				open[n].names[name], open[n].name = true, false
				continue
			}
			open[n].name = true
		}
		switch {
		case isDelim && delim == '{':
			open = append(open, object{names: map[string]bool{}, name: true})
		case isDelim:
			open = append(open, object{})
		}
	}
}

// decode decodes the whole text as one JSON value.
func (r *reader) decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(r.text))
	err := d.Decode(into)
	if err == nil {
		if _, extra := d.Token(); !errors.Is(extra, io.EOF) {
			return r.failAt(d.InputOffset(), "unexpected text after the end of the JSON")
		}
		return nil
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return r.failAt(max(syntax.Offset-1, 0), "not valid JSON: %s", strings.TrimPrefix(syntax.Error(), "json: "))
	case errors.As(err, &kind):
		return r.failAt(kind.Offset-1, "%s has the wrong type: %s", lastOf(kind.Field), kind.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.failAt(int64(len(r.text)), "not valid JSON: unexpected end")
	}
	return r.fail(nil, "not the output of aws ec2: %v", err)
}

func lastOf(field string) say.Sentence {
	if field == "" {
		return say.F("the file")
	}
	return say.As(field[strings.LastIndexByte(field, '.')+1:])
}

// fail returns an error about the value at p.
func (r *reader) fail(p path, format string, args ...any) error {
	return r.failAt(p.offset(r.text), format, args...)
}

func (r *reader) failAt(offset int64, format string, args ...any) error {
	line, column := place(r.text, offset)
	return &FileError{File: r.file, Line: line, Column: column, Message: say.F(format, args...)}
}

// note adds a note about the value at p. Finding the position means parsing the text again, so if
// there are very many notes, only the first ones get a position.
func (r *reader) note(p path, format string, args ...any) {
	const many = 50
	if r.notes++; r.notes > many {
		return
	}
	line, column := place(r.text, p.offset(r.text))
	r.account.Notes = append(r.account.Notes, Note{File: r.file, Line: line, Column: column, Text: say.F(format, args...)})
}

func (r *reader) interfaces(list []networkInterface) error {
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
		var err error
		if i.Prefixes, err = r.delegated(at, from); err != nil {
			return err
		}
		if t := from.ConnectionTrackingConfiguration; t != nil {
			i.TCPEstablished, i.UDPStream, i.UDP = number(t.TcpEstablishedTimeout), number(t.UdpStreamTimeout), number(t.UdpTimeout)
		}
		r.account.Interfaces = append(r.account.Interfaces, i)
	}
	return nil
}

// delegated reads the prefixes that are delegated to an interface.
func (r *reader) delegated(at path, from networkInterface) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for k, four := range from.Ipv4Prefixes {
		prefix, err := r.prefix(at.with("Ipv4Prefixes", k), four.Ipv4Prefix, "Ipv4Prefix", false)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, prefix)
	}
	for k, six := range from.Ipv6Prefixes {
		prefix, err := r.prefix(at.with("Ipv6Prefixes", k), six.Ipv6Prefix, "Ipv6Prefix", true)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

func (r *reader) prefixLists(list []prefixList) error {
	for n, from := range list {
		at := path{"PrefixLists", n}
		l := r.prefixList(text(from.PrefixListId))
		if l.ID == "" {
			return r.fail(at, "PrefixListId is missing")
		}
		if err := r.id(at.with("PrefixListId"), l.ID); err != nil {
			return err
		}
		family := text(from.AddressFamily)
		if family != "" && family != "IPv4" && family != "IPv6" {
			return r.fail(at.with("AddressFamily"), "AddressFamily is %q; expected IPv4 or IPv6", family)
		}
		// describe-prefix-lists has fewer members per list than describe-managed-prefix-lists.
		l.Name, l.AddressFamily = cmp.Or(text(from.PrefixListName), l.Name), cmp.Or(family, l.AddressFamily)
		l.MaxEntries = cmp.Or(number(from.MaxEntries), l.MaxEntries)
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

var prefixListID = regexp.MustCompile(`(?:^|[^A-Za-z0-9])(pl-[0-9a-f]{8,17})(?:[^A-Za-z0-9]|$)`)

// entries reads get-managed-prefix-list-entries, which does not say which list the entries belong
// to: it is the one in the file's name, or the only list whose entries are unknown.
func (r *reader) entries(list []types.PrefixListEntry) error {
	var id string
	if found := prefixListID.FindStringSubmatch(filepath.Base(r.file)); found != nil {
		id = found[1]
	} else {
		var open []string
		for _, l := range r.account.PrefixLists {
			if !l.Known {
				open = append(open, l.ID)
			}
		}
		if len(open) != 1 {
			return r.fail(path{"Entries"}, "the file does not say which prefix list these entries belong to: name it after the list, such as pl-0123456789abcdef0.json")
		}
		id = open[0]
	}
	l := r.prefixList(id)
	l.Entries = nil
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

// prefixList returns the list with that id, and adds it if it is new.
func (r *reader) prefixList(id string) *PrefixList {
	lists := &r.account.PrefixLists
	i := slices.IndexFunc(*lists, func(l PrefixList) bool { return l.ID == id })
	if i < 0 {
		i = len(*lists)
		*lists = append(*lists, PrefixList{ID: id})
	}
	return &(*lists)[i]
}

// anID matches what looks like an EC2 id. Ids end up in rulesets and on terminals, so any other
// text is rejected.
var anID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`)

func (r *reader) id(at path, id string) error {
	if !anID.MatchString(id) {
		return r.fail(at, "%q is not an id", id)
	}
	return nil
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
