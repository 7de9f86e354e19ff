package render

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/enforce"
)

// docs/models.md has the catalogue as lablab models --format markdown writes it.
func TestModelsInTheDocumentation(t *testing.T) {
	const file, begin, end = "../docs/models.md", "<!-- lablab models --format markdown -->\n\n", "\n<!-- end -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), begin)
	shown, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s has no place for the catalogue", file)
	}
	var b bytes.Buffer
	if err := NewText(&b, 0, nil).ModelsMarkdown(enforce.All(), ""); err != nil {
		t.Fatal(err)
	}
	if *update {
		shown = b.String()
		if err := os.WriteFile(file, []byte(before+begin+shown+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(b.String(), shown); diff != "" {
		t.Errorf("catalogue (-), %s (+):\n%s", file, diff)
	}
}
