package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"lablab/say"
)

// commands reads AWS CLI commands, one per line; a backslash at the end of a line continues it. It is
// not a shell.
func (s source) commands(o Options) (*Plan, error) {
	script := s.script(Commands, o)
	text := string(s.text)
	for offset := 0; offset < len(text); {
		words, end, err := s.words(text, offset)
		if err != nil {
			return nil, err
		}
		offset = end
		if len(words) == 0 {
			continue
		}
		line := strings.Count(text[:words[0].offset], "\n") + 1
		if err := s.command(script, words, line); err != nil {
			return nil, err
		}
	}
	if len(script.plan.Resources) == 0 {
		return nil, s.invalid(0, say.Sentence{}, "the file has no command")
	}
	g := &graph{width: 1}
	g.chain(script.calls)
	return script.done(g), nil
}

// A word is a word of a command, and where it begins.
type word struct {
	text   string
	offset int
}

// words splits one command into words, as a POSIX shell does with quotation marks and backslashes.
func (s source) words(text string, offset int) (words []word, end int, err error) {
	var current strings.Builder
	begin := -1
	finish := func() {
		if begin >= 0 {
			words = append(words, word{current.String(), begin})
			current.Reset()
			begin = -1
		}
	}
	i := offset
	for i < len(text) {
		c := text[i]
		if begin < 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '#' && (c != '\\' || !continues(text[i:])) {
			begin = i
		}
		switch {
		case c == '\n':
			finish()
			return words, i + 1, nil
		case c == ' ' || c == '\t' || c == '\r':
			finish()
		case c == '#' && begin < 0:
			for i < len(text) && text[i] != '\n' {
				i++
			}
			continue
		case c == '\\' && continues(text[i:]):
			i += strings.IndexByte(text[i:], '\n')
		case c == '\\' && i+1 < len(text):
			i++
			current.WriteByte(text[i])
		case c == '\'' || c == '"':
			closing, err := s.quoted(text, i, &current)
			if err != nil {
				return nil, 0, err
			}
			i = closing
		case strings.IndexByte("$`|;&<>()", c) >= 0:
			return nil, 0, s.shell(i, string(c))
		default:
			current.WriteByte(c)
		}
		i++
	}
	finish()
	return words, i, nil
}

// continues reports whether a text begins with a backslash at the end of a line.
func continues(text string) bool {
	return strings.HasPrefix(text, "\\\n") || strings.HasPrefix(text, "\\\r\n")
}

// quoted reads a quotation from its first mark, and returns where its last one is.
func (s source) quoted(text string, from int, to *strings.Builder) (closing int, err error) {
	mark := text[from]
	for i := from + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == mark:
			return i, nil
		case c == '\\' && mark == '"' && i+1 < len(text) && strings.IndexByte("\"\\$`", text[i+1]) >= 0:
			i++
			to.WriteByte(text[i])
		case mark == '"' && (c == '$' || c == '`'):
			return 0, s.shell(i, string(c))
		default:
			to.WriteByte(c)
		}
	}
	return 0, s.invalid(int64(from), say.Sentence{}, "the quotation mark is not closed")
}

func (s source) shell(offset int, what string) error {
	return s.invalid(int64(offset), say.F("write one aws command per line, with the values in it"), "this needs a shell: %s", what)
}

// command reads one command.
func (s source) command(to *script, words []word, line int) error {
	at := func(w word, hint say.Sentence, format string, args ...any) error {
		return s.invalid(int64(w.offset), hint, format, args...)
	}
	if words[0].text != "aws" && len(to.plan.Resources) == 0 {
		return s.unknown()
	}
	if words[0].text != "aws" {
		return at(words[0], say.F("write one aws command per line, with the values in it"), "%q is not an aws command", words[0].text)
	}
	var flags []option
	var plain []word
	for i := 1; i < len(words); i++ {
		name, value, assigned := strings.Cut(words[i].text, "=")
		if !strings.HasPrefix(name, "--") {
			plain = append(plain, words[i])
			continue
		}
		f := option{word: word{name, words[i].offset}}
		if assigned {
			f.given = []word{{value, words[i].offset + len(name) + 1}}
		}
		for !assigned && i+1 < len(words) && !strings.HasPrefix(words[i+1].text, "--") && (takesList(name) || len(f.given) == 0 && !slices.Contains(switches(), name)) {
			i++
			f.given = append(f.given, words[i])
		}
		flags = append(flags, f)
	}
	if len(plain) < 2 {
		return at(words[0], say.Sentence{}, "the command names no service and operation")
	}
	r := request{name: pascal(plain[1].text), place: fmt.Sprintf("%s:%d", s.file, line), line: line, values: values{}}
	if plain[0].text != "ec2" && !strings.HasPrefix(plain[0].text, "elb") {
		r.name = plain[0].text + " " + r.name
	}
	if slices.ContainsFunc(flags, func(f option) bool { return f.text == "--dry-run" }) {
		to.plan.Resources = append(to.plan.Resources, Resource{Address: r.place, Type: r.name, Use: NoEffect, Reason: say.F("it is a dry run")})
		return nil
	}
	changesGroups := slices.ContainsFunc(flags, func(f option) bool { return f.text == "--groups" || f.text == "--cli-input-json" })
	if !r.known() || strings.HasSuffix(r.name, "Attribute") && !changesGroups {
		return to.take(r) // it changes nothing here, whatever its options
	}
	slices.SortStableFunc(flags, func(a, b option) int { return rank(a) - rank(b) })
	for _, f := range flags {
		if err := s.option(&r, f); err != nil {
			return err
		}
	}
	if err := to.take(r); err != nil {
		return at(words[0], say.Sentence{}, "%s: %s", plain[1].text, err)
	}
	return nil
}

// An option is an option of a command and its values.
type option struct {
	word
	given []word
}

// switches are the options that take no value.
func switches() []string {
	return strings.Fields("--dry-run --no-dry-run --ingress --egress --no-cli-pager --no-paginate --no-verify-ssl --no-sign-request --debug --no-cli-auto-prompt --cli-auto-prompt")
}

// global are the options of every command that do not matter here.
func global() []string {
	return append(strings.Fields("--profile --region --output --query --endpoint-url --color --ca-bundle --cli-read-timeout --cli-connect-timeout --cli-binary-format --no-dry-run"+
		" --tag-specifications --group-owner --current-version --description --client-token"), switches()...)
}

// takesList reports whether an option takes several words.
func takesList(name string) bool {
	return slices.Contains(strings.Fields("--groups --security-groups --ip-permissions --security-group-rule-ids --security-group-rules --add-entries --remove-entries --tag-specifications"), name)
}

// rank puts --cli-input-json last: the other options count more.
func rank(f option) int {
	if f.text == "--cli-input-json" {
		return 1
	}
	return 0
}

// option adds an option to a request.
func (s source) option(r *request, f option) error {
	name, text := f.text, ""
	texts := []any{}
	for _, w := range f.given {
		texts = append(texts, w.text)
		if strings.HasPrefix(w.text, "file://") || strings.HasPrefix(w.text, "fileb://") {
			return s.invalid(int64(w.offset), say.F("write the values in the command"), "the values of %s are in another file", name)
		}
	}
	if len(f.given) > 0 {
		text = f.given[0].text
	}
	wrong := func(err error) error { return s.invalid(int64(f.offset), say.Sentence{}, "%s: %s", name, err) }
	switch name {
	case "--cli-input-json":
		whole, err := structure(plainTexts(f.given))
		if err != nil {
			return wrong(err)
		}
		for member, value := range object(whole) {
			if _, there := r.values[member]; !there { // options come first
				r.values[member] = value
			}
		}
	case "--protocol":
		if text == "all" {
			text = "-1"
		}
		r.values["IpProtocol"], r.values["Protocol"] = text, text
	case "--port":
		from, to, ranged := strings.Cut(strings.TrimPrefix(text, "-"), "-")
		switch {
		case text == "-1" || text == "all":
			from, to = "-1", "-1"
		case !ranged:
			to = from
		}
		r.values["FromPort"], r.values["ToPort"] = json.Number(from), json.Number(to)
		for _, n := range []string{from, to} {
			if _, valid := (values{"n": json.Number(n)}).number("n"); !valid {
				return wrong(say.Errorf("%q is not a port", text))
			}
		}
	case "--cidr":
		r.values["CidrIp"] = text
	case "--source-group":
		member := "SourceSecurityGroupId"
		if !strings.HasPrefix(text, "sg-") {
			member = "SourceSecurityGroupName"
		}
		r.values[member] = text
	case "--ip-permissions":
		r.values["IpPermissions"] = strings.Join(plainTexts(f.given), " ")
	case "--groups", "--security-groups", "--security-group-rule-ids":
		if len(f.given) == 1 && strings.HasPrefix(text, "[") {
			if err := json.Unmarshal([]byte(text), &texts); err != nil {
				return wrong(say.New("not valid JSON"))
			}
		}
		r.values[pascal(strings.TrimPrefix(name, "--"))] = texts
	case "--security-group-rules", "--add-entries", "--remove-entries", "--port-range", "--icmp-type-code":
		value, err := structure(plainTexts(f.given))
		if err != nil {
			return wrong(err)
		}
		r.values[pascal(strings.TrimPrefix(name, "--"))] = value
	case "--egress":
		r.values["Egress"] = true
	case "--ingress":
		r.values["Egress"] = false
	case "--rule-number":
		r.values["RuleNumber"] = json.Number(text)
	default:
		if slices.Contains(global(), name) {
			return nil
		}
		if !slices.Contains(members(), name) {
			return s.invalid(int64(f.offset), say.Sentence{}, "lablab does not know the option %s of %s", name, r.name)
		}
		r.values[pascal(strings.TrimPrefix(name, "--"))] = text
	}
	return nil
}

// members are the options that are members of requests, under their own names.
func members() []string {
	return strings.Fields("--group-id --group-name --vpc-id --network-interface-id --instance-id --load-balancer-arn --load-balancer-name" +
		" --prefix-list-id --network-acl-id --rule-action --cidr-block --ipv6-cidr-block")
}

func plainTexts(words []word) []string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
	}
	return texts
}

// pascal returns a name of the AWS CLI as the API has it: group-id is GroupId.
func pascal(name string) string {
	var b strings.Builder
	for _, part := range strings.Split(name, "-") {
		if part != "" {
			r := []rune(part)
			b.WriteRune(unicode.ToUpper(r[0]))
			b.WriteString(string(r[1:]))
		}
	}
	return b.String()
}

// structure reads a value of the AWS CLI that has members: JSON, or shorthand such as From=22,To=22.
func structure(texts []string) (any, error) {
	if len(texts) == 1 && (strings.HasPrefix(texts[0], "[") || strings.HasPrefix(texts[0], "{")) {
		var value any
		d := json.NewDecoder(strings.NewReader(texts[0]))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			return nil, say.New("not valid JSON")
		}
		return value, nil
	}
	list := []any{}
	for _, text := range texts {
		rest := text
		value, err := shorthand(&rest, "")
		if err != nil {
			return nil, err
		}
		if rest != "" {
			return nil, errShorthand
		}
		list = append(list, value)
	}
	return list, nil
}

var errShorthand = say.New("not valid shorthand: want NAME=VALUE,…")

// shorthand reads NAME=VALUE pairs up to an end.
func shorthand(rest *string, end string) (map[string]any, error) {
	object := map[string]any{}
	for {
		name, value, found := strings.Cut(*rest, "=")
		if !found || name == "" || strings.ContainsAny(name, ",{}[] ") {
			return nil, errShorthand
		}
		*rest = value
		if strings.HasPrefix(value, "{") {
			*rest = value[1:]
			inner, err := shorthand(rest, "}")
			if err != nil {
				return nil, err
			}
			object[name] = inner
		} else {
			stop := strings.IndexAny(value, ","+end)
			if stop < 0 {
				stop = len(value)
			}
			object[name], *rest = value[:stop], value[stop:]
		}
		switch {
		case strings.HasPrefix(*rest, ","):
			*rest = (*rest)[1:]
		case end != "" && strings.HasPrefix(*rest, end):
			*rest = (*rest)[len(end):]
			return object, nil
		case end == "" && *rest == "":
			return object, nil
		default:
			return nil, errShorthand
		}
	}
}
