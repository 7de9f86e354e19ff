package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Comments use the same words as messages, and a doc comment begins with the name that it
// documents.
func TestCommentsAreWordedPlainly(t *testing.T) {
	files := token.NewFileSet()
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() != "." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		tree, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		documented := map[*ast.CommentGroup]string{}
		for _, d := range tree.Decls {
			name, doc := documents(d)
			if doc == nil {
				continue
			}
			documented[doc] = name
			if words := strings.Fields(doc.Text()); !strings.HasSuffix(path, "_test.go") && !begins(words, name) {
				t.Errorf("%s: the comment of %s does not begin with its name: %s", files.Position(doc.Pos()), name, strings.Join(words[:min(len(words), 4)], " "))
			}
		}
		for _, c := range tree.Comments {
			seen++
			for _, wrong := range wordingsIn(strings.ReplaceAll(c.Text(), documented[c], "")) {
				t.Errorf("%s: %s", files.Position(c.Pos()), wrong)
			}
		}
		return nil
	})
	if err != nil || seen < 2000 {
		t.Errorf("%d comments: %v", seen, err)
	}
}

// documents are the name and the comment of a function, or of a type that is declared by
// itself.
func documents(d ast.Decl) (string, *ast.CommentGroup) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Name.Name, d.Doc
	case *ast.GenDecl:
		if spec, ok := d.Specs[0].(*ast.TypeSpec); ok && len(d.Specs) == 1 {
			return spec.Name.Name, d.Doc
		}
	}
	return "", nil
}

// begins reports whether the words begin with the name, or with an article and the name. The
// comment of an init function may begin with the reason.
func begins(words []string, name string) bool {
	if len(words) > 0 && !ast.IsExported(name) {
		words = slices.Clone(words)
		words[0] = strings.ToLower(words[0][:1]) + words[0][1:] // "Extras are", of a type that is not exported
	}
	if len(words) > 1 && slices.Contains([]string{"A", "An", "The", "a", "an", "the"}, words[0]) {
		words = words[1:]
	}
	return name == "init" || len(words) > 0 && strings.TrimRight(words[0], ",.:;'s") == strings.TrimRight(name, "s")
}
