package main

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// larger matches a row of docs/architecture.md: a package that exports more than a page.
var larger = regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| (\\d+) \\| \\S")

// What a package exports fits on a page, or docs/architecture.md says why not.
func TestExportedNamesFitOnAPage(t *testing.T) {
	const page = 25
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	budget := map[string]int{}
	for _, row := range larger.FindAllStringSubmatch(string(text), -1) {
		budget["./"+row[1]], _ = strconv.Atoi(row[2])
	}
	for _, p := range list(t, "linux") {
		n, most := exported(t, p), budget[p.ImportPath]
		switch {
		case most == 0 && n > page:
			t.Errorf("%s exports %d names: reduce them to %d, or give the reason in docs/architecture.md", p.ImportPath, n, page)
		case most > page && n > page && n != most:
			t.Errorf("%s exports %d names, and docs/architecture.md says %d", p.ImportPath, n, most)
		case most > 0 && n <= page:
			t.Errorf("%s exports %d names only: docs/architecture.md need not mention it", p.ImportPath, n)
		}
		delete(budget, p.ImportPath)
	}
	for p := range budget {
		t.Errorf("docs/architecture.md speaks of %s, which does not exist", p)
	}
}

// exported counts what `go doc` lists of a package: a type's constants and constructors stand with
// the type, and constants of one group with each other.
func exported(t *testing.T, p listed) int {
	t.Helper()
	files, parsed := token.NewFileSet(), []*ast.File{}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(files, filepath.Join(strings.TrimPrefix(p.ImportPath, "./"), name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	d, err := doc.NewFromFiles(files, parsed, p.ImportPath)
	if err != nil {
		t.Fatal(err)
	}
	return len(d.Types) + len(d.Funcs) + len(d.Consts) + len(d.Vars)
}
