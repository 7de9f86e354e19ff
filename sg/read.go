package sg

import (
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
)

// largest is the maximum file size. Ten thousand sources take about 2 MB.
const largest = 32 << 20 // bytes

// Read adds the content of a file to the account: the output of the `aws ec2` commands listed in
// [kinds], as JSON or YAML. A file may hold several outputs one behind the other, or what --query
// leaves of one: a list or a single element. The members show which kind it is.
//
// A rule that cannot be understood is added to Unread, with its place. Any other error is a
// *FileError, and leaves the account unchanged.
func (a *Account) Read(file string, from io.Reader) error {
	plain, err := Plain(from)
	if err != nil {
		return say.Errorf("read %s: %w", file, err)
	}
	text, err := io.ReadAll(io.LimitReader(plain, largest+1))
	if err != nil {
		return say.Errorf("read %s: %w", file, err)
	}
	r := &reader{file: file, text: text, account: a.clone(), members: map[string]bool{}}
	if len(text) > largest {
		return r.failAt(0, "the file is larger than %d MB", largest>>20)
	}
	if err := r.read(); err != nil {
		return err
	}
	if more := r.notes - len(r.account.Notes) + len(a.Notes); more > 0 {
		r.account.Notes = append(r.account.Notes, Note{File: file, Line: 1, Column: 1, Unread: r.hides, Text: say.N(more, "and %d more such note", "and %d more such notes")})
	}
	r.account.Notes = slices.DeleteFunc(r.account.Notes, func(n Note) bool { return n.page != "" && n.page == r.ended })
	*a = *r.account
	return nil
}

// clone returns a copy that Read can add to.
func (a *Account) clone() *Account {
	c := a.Clone()
	c.vpcs = a.vpcs.clone()
	c.seen = map[string]sighting{}
	maps.Copy(c.seen, a.seen)
	c.PrefixLists, c.Notes, c.Unread = slices.Clone(a.PrefixLists), slices.Clone(a.Notes), slices.Clone(a.Unread)
	return c
}

// A reader reads one file.
type reader struct {
	file    string
	text    []byte
	account *Account
	notes   int
	hides   bool            // some of the notes that were not kept are about what was not read
	lists   map[string]int  // the index of each prefix list
	members map[string]bool // unknown members that were noted
	strange error           // about the first of them
	list    string          // the prefix list of the file's entries
	ended   string          // the kind of list of which this is the last page
	// hopeless ends the reading: more rules could not be understood than anybody would look at.
	hopeless error
	// The position of each rule in its group.
	places  map[placed]int
	indexed map[side]bool
}

// A listKind is a kind of output: the member that holds its list, and the one that only its elements have.
type listKind struct {
	member  string
	element func(*node) bool
	read    func(*reader, []*node) error
}

// kinds returns the kinds of output that are read.
func kinds() []listKind {
	has := func(name string) func(*node) bool { return func(n *node) bool { return n.member(name) != nil } }
	return []listKind{
		{"SecurityGroups", isGroup, (*reader).groups},
		{"SecurityGroupRules", has("SecurityGroupRuleId"), (*reader).rules},
		{"NetworkInterfaces", has("NetworkInterfaceId"), (*reader).interfaces},
		{"PrefixLists", has("PrefixListId"), (*reader).prefixLists},
		{"Entries", has("Cidr"), (*reader).entries},
		{"NetworkAcls", has("NetworkAclId"), (*reader).networkACLs},
		{"StaleSecurityGroupSet", has("StaleIpPermissions"), (*reader).staleGroups},
		{"VpcPeeringConnections", has("VpcPeeringConnectionId"), (*reader).peerings},
		{"TransitGatewayVpcAttachments", has("TransitGatewayAttachmentId"), (*reader).transitGatewayAttachments},
		{"TransitGateways", has("TransitGatewayId"), (*reader).transitGateways},
		{"SecurityGroupVpcAssociations", has("State"), (*reader).associations},
		{"InstanceTypes", has("InstanceType"), (*reader).instanceTypes},
	}
}

func isGroup(n *node) bool {
	return n.member("GroupId") != nil && n.member(append([]string{"GroupName"}, permissionLists...)...) != nil
}

// kindNames returns the members that hold the lists.
func kindNames(separator string) string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.member)
	}
	return strings.Join(names, separator)
}

func (r *reader) read() error {
	values, err := r.values()
	if err != nil {
		return err
	}
	for n, value := range values {
		if err := r.output(value, n == len(values)-1); err != nil {
			return err
		}
	}
	r.guard()
	return nil
}

// output reads one value of the file: the whole output of a command, or what --query left of it.
func (r *reader) output(value *node, last bool) error {
	known := false
	for _, k := range kinds() {
		if !slices.ContainsFunc(value.members, func(m member) bool { return named(m)(k.member) }) || k.member == "Entries" && value.member("NetworkAclId") != nil {
			continue
		}
		known, r.ended = true, k.member
		if err := k.read(r, value.member(k.member).list()); err != nil {
			return err
		}
		if k.member == "Entries" {
			r.prefixList(r.list).more = !value.member("NextToken").empty()
		}
	}
	if known {
		r.unknown(value, "aws ec2", outputMembers)
		if next := value.member("NextToken"); last && !next.empty() {
			r.notes++ // it is kept, however many there are
			r.account.Notes = append(r.account.Notes, Note{
				File: r.file, Line: int(next.line), Column: int(next.column), Unread: true, page: r.ended,
				Text: say.F("this is incomplete: EC2 has more results (NextToken)"),
			})
			r.ended = ""
		}
		return nil
	}
	return r.elements(value)
}

// outputMembers are the members beside the lists.
var outputMembers = strings.Fields(kindNames(" ") + " NextToken Return ResponseMetadata")

// elements reads a list without the object around it, or a single element.
func (r *reader) elements(value *node) error {
	list := value.list()
	if value.kind == array && slices.ContainsFunc(list, func(n *node) bool { return n.kind == array || r.isOutput(n) }) {
		for i, n := range list { // pages that a program collected
			if err := r.output(n, i == len(list)-1); err != nil {
				return err
			}
		}
		return nil
	}
	if value.kind == array && len(list) == 0 {
		r.note(value, "the list is empty")
		return nil
	}
	for _, k := range kinds() {
		if len(list) > 0 && k.element(list[0]) {
			return k.read(r, list)
		}
	}
	return r.fail(value, "found none of %s: this is not the output of an aws ec2 command that lablab reads", kindNames(", "))
}

// isOutput reports whether a value is the whole output of a command.
func (r *reader) isOutput(n *node) bool {
	return slices.ContainsFunc(kinds(), func(k listKind) bool { return n.member(k.member) != nil }) && n.member("NetworkAclId") == nil
}

// fail returns an error about a value.
func (r *reader) fail(at *node, format string, args ...any) error {
	return &FileError{File: r.file, Line: int(at.line), Column: int(at.column), Message: say.F(format, args...)}
}

func (r *reader) failAt(offset int64, format string, args ...any) error {
	line, column := place(r.text, offset)
	return &FileError{File: r.file, Line: line, Column: column, Message: say.F(format, args...)}
}

// note adds a note about a value. If there are very many, only the first ones are kept.
func (r *reader) note(at *node, format string, args ...any) {
	const many = 50
	if r.notes++; r.notes > many {
		return
	}
	r.account.Notes = append(r.account.Notes, Note{File: r.file, Line: int(at.line), Column: int(at.column), Text: say.F(format, args...)})
}

// missing adds a note about something that was not read.
func (r *reader) missing(at *node, format string, args ...any) {
	before := len(r.account.Notes)
	r.note(at, format, args...)
	if len(r.account.Notes) == before {
		r.hides = true
		return
	}
	r.account.Notes[before].Unread = true
}

// unknown notes the members of an object that are not among the known ones, each once.
func (r *reader) unknown(n *node, of string, known []string) {
	for _, m := range n.members {
		if slices.ContainsFunc(known, named(m)) || r.members[of+m.name] {
			continue
		}
		r.members[of+m.name] = true
		r.missing(m.value, "lablab does not know member %q (%s): it was not read", m.name, of)
		if r.strange == nil {
			r.strange = r.fail(m.value, "unknown member %q", m.name)
		}
	}
}

// leaveOut adds a rule to those that could not be read.
func (r *reader) leaveOut(g *Group, d packet.Direction, rule Rule, err error) error {
	var wrong *FileError
	if !errors.As(err, &wrong) {
		return err
	}
	const most = 10_000
	switch {
	case r.hopeless != nil:
		return r.hopeless
	case len(r.account.Unread) >= most:
		r.hopeless = &FileError{File: wrong.File, Line: wrong.Line, Column: wrong.Column, Message: say.F("more than %d rules cannot be understood", most)}
		return r.hopeless
	}
	r.account.Unread = append(r.account.Unread, Unread{GroupRule{g.ID, d, rule}, wrong})
	return nil
}

// anID matches what looks like an EC2 id. Ids end up in rulesets and on terminals, so any other
// text is rejected.
var anID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`)

// id returns a member that must be an id.
func (r *reader) id(n *node, name string) (string, error) {
	id, err := r.string(n, name)
	switch {
	case err != nil:
		return "", err
	case id == "":
		return "", r.fail(n, "%s is missing", name)
	case !anID.MatchString(id):
		return "", r.fail(n.member(name), "%q is not an id", id)
	}
	return id, nil
}
