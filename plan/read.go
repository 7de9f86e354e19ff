package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"lablab/say"
	"lablab/sg"
)

// largest is the maximum size of a file.
const largest = 256 << 20 // bytes

// Read reads a description of a change; what kind it is, is seen from its content. An error about the
// content is a [*sg.FileError].
func Read(file string, from io.Reader, o Options) (*Plan, error) {
	plain, err := sg.Plain(from)
	if err != nil {
		return nil, say.Errorf("read %s: %w", file, err)
	}
	text, err := io.ReadAll(io.LimitReader(plain, largest+1))
	if err != nil {
		return nil, say.Errorf("read %s: %w", file, err)
	}
	s := source{file, text}
	start := bytes.TrimSpace(text)
	switch {
	case len(text) > largest:
		return nil, s.invalid(0, say.Sentence{}, "the file is larger than %d MB", largest>>20)
	case len(start) == 0:
		return nil, s.invalid(0, say.Sentence{}, "the file is empty")
	case bytes.HasPrefix(text, []byte("PK\x03\x04")):
		return nil, s.invalid(0, say.F("convert it: terraform show -json FILE"), "this is a binary plan of Terraform or OpenTofu")
	case start[0] == '{':
		return s.json(o)
	case start[0] == '[':
		return s.trail(o)
	case bytes.IndexByte(text, 0) >= 0:
		return nil, s.invalid(0, say.Sentence{}, "this is not text")
	}
	return s.commands(o)
}

// A source is a file that was read.
type source struct {
	file string
	text []byte
}

// invalid returns an error about a place in the file.
func (s source) invalid(offset int64, hint say.Sentence, format string, args ...any) error {
	before := s.text[:min(max(offset, 0), int64(len(s.text)))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return &sg.FileError{
		File: s.file, Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[start:]) + 1,
		Message: say.F(format, args...), Hint: hint,
	}
}

// decode decodes a JSON value that is a part of the file, at an offset.
func (s source) decode(part []byte, offset int64, into any) error {
	d := json.NewDecoder(bytes.NewReader(part))
	d.UseNumber()
	err := d.Decode(into)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return s.invalid(offset+int64(len(part)), say.F("write the file again: it is incomplete"), "the file ends in a value")
	case errors.As(err, &syntax):
		return s.invalid(offset+max(syntax.Offset-1, 0), say.Sentence{}, "not valid JSON: %s", strings.TrimPrefix(syntax.Error(), "json: "))
	case errors.As(err, &wrong) && wrong.Field == "":
		return s.invalid(offset+max(wrong.Offset-1, 0), say.Sentence{}, "a value has the wrong type: %s", wrong.Value)
	case errors.As(err, &wrong):
		return s.invalid(offset+max(wrong.Offset-1, 0), say.Sentence{}, "%s has the wrong type: %s", wrong.Field, wrong.Value)
	}
	return s.invalid(offset, say.Sentence{}, "not valid JSON: %s", err)
}

// json reads a file that is JSON.
func (s source) json(o Options) (*Plan, error) {
	var members map[string]json.RawMessage
	if err := s.decode(s.text, 0, &members); err != nil {
		return nil, err
	}
	has := func(names ...string) bool {
		for _, name := range names {
			if _, found := members[name]; !found {
				return false
			}
		}
		return true
	}
	switch {
	case has("format_version") && (has("resource_changes") || has("planned_values") || has("configuration") || has("values") || has("terraform_version")):
		return s.terraform(o)
	case has("version", "terraform_version") && (has("resources") || has("modules")):
		return nil, s.invalid(0, say.F("convert it: terraform show -json > state.json"), "this is the raw state of Terraform")
	case has("@level"), has("@message"):
		return nil, s.invalid(0, say.F("convert the plan: terraform plan -out FILE, terraform show -json FILE"), "this is the log of terraform plan -json")
	case has("call"):
		return s.lines(o)
	case has("eventName"), has("Records"), has("Events"), has("detail"):
		return s.trail(o)
	case has("Changes") && (has("StackId") || has("StackName") || has("ChangeSetName") || has("ChangeSetId")):
		return s.changeSet(o)
	case has("steps"), has("changeSummary"):
		return s.pulumi(o)
	}
	return nil, s.unknown()
}

func (s source) unknown() error {
	return s.invalid(0, say.F("known: Terraform and OpenTofu plans and state (show -json), CloudFormation change sets, pulumi preview --json, AWS CLI commands, CloudTrail, JSON Lines of calls"), "this does not describe a change that lablab knows")
}
