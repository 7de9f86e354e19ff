package scenario

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/jsonschema-go/jsonschema"
)

// validator returns a check that does what an editor does with the schema.
func validator(t *testing.T) func(path string) error {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text, err = yaml.YAMLToJSON(text)
		if err != nil {
			t.Fatal(path, err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(path, err)
		}
		return resolved.Validate(value)
	}
}

func TestSchema(t *testing.T) {
	validate := validator(t)
	for _, pattern := range []string{"course/*.yaml", "testdata/valid/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range files {
			if err := validate(path); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	for _, pattern := range []string{"unknown-key*", "missing-*", "list-for-word*", "word-for-*", "unknown-action*", "number-is-*", "flag-is-*", "amount.*", "name-with-*", "duration*", "related*", "profile.*"} {
		files, err := filepath.Glob("testdata/invalid/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range files {
			if validate(path) == nil {
				t.Errorf("%s is valid to an editor", path)
			}
		}
	}
}

// Every key has a description for editors to show.
func TestSchemaExplains(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	keys := 0
	var explained func(v any)
	explained = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				explained(e)
			}
		case map[string]any:
			properties, _ := v["properties"].(map[string]any)
			for name, p := range properties {
				keys++
				if p.(map[string]any)["description"] == nil {
					t.Errorf("nothing is said of %s", name)
				}
			}
			for _, e := range v {
				explained(e)
			}
		}
	}
	explained(value)
	if keys < 80 {
		t.Errorf("only %d keys", keys)
	}
}
