package say

import (
	"strconv"
	"strings"
)

// A Message is an English format and its translation.
type Message struct{ English, Text string }

// parse parses messages as gettext's tools write them: msgid and msgstr, each one or more quoted
// strings, and comment lines.
func parse(text string) ([]Message, error) {
	var all []Message
	var into *string
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		keyword, quoted, spaced := strings.Cut(line, " ")
		switch {
		case line[0] == '"' && into != nil:
			quoted = line
		case keyword == "msgid" && spaced:
			all = append(all, Message{})
			into = &all[len(all)-1].English
		case keyword == "msgstr" && spaced && len(all) > 0:
			into = &all[len(all)-1].Text
		default:
			return nil, Errorf("line %d: expected msgid or msgstr", i+1)
		}
		part, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, Errorf("line %d: not a quoted string", i+1)
		}
		*into += part
	}
	return all, nil
}
