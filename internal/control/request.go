package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"lablab/say"
)

// readRequest decodes the body of a request. It rejects whatever could be meant in two ways: members
// that are unknown or given twice, and text after the value.
func readRequest(body io.Reader, question any) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(question); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return say.New("there is text after the JSON value")
	}
	return givenOnce(json.NewDecoder(bytes.NewReader(text)))
}

// givenOnce rejects a member that an object has twice. Package json ignores the case of names. The
// text has been decoded, so it is not nested too deeply.
func givenOnce(d *json.Decoder) error {
	begin, err := d.Token()
	if err != nil {
		return err
	}
	if begin != json.Delim('{') && begin != json.Delim('[') {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if begin == json.Delim('{') {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name := strings.ToLower(key.(string))
			if seen[name] {
				return say.Errorf("member %q is given twice", key)
			}
			seen[name] = true
		}
		if err := givenOnce(d); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end
	return err
}
