package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lablab/scenario"
)

// A message is an English message in the code.
type message struct {
	english string
	where   token.Position
	// may holds which arguments are words that only English needs.
	may map[int]bool
}

// A listener finds everything that the code tells people.
type listener struct {
	files    *token.FileSet
	trees    []*ast.File
	consts   map[string]string // string constants, by name
	agrees   map[string]bool   // functions that return a say.Agreement
	wraps    map[string][]int  // functions that take a format, and the positions of that argument
	messages []message
	wrong    []string
}

// listen reads all code except tests and the code that supports them.
func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{files: token.NewFileSet(), consts: map[string]string{}, agrees: map[string]bool{}, wraps: map[string][]int{
		"F": {0}, "N": {2}, "List": {0}, "Names": {0}, "New": {0}, "Errorf": {0}, "Sprintf": {0},
	}}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == filepath.Join("internal", "nstest") || path == filepath.Join("internal", "claimtest") || path == filepath.Join("internal", "modeltest") || path == "scripts" || d.Name() != "." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			tree, err := parser.ParseFile(l.files, path, nil, 0)
			l.trees = append(l.trees, tree)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tree := range l.trees {
		ast.Inspect(tree, l.declared)
	}
	for _, tree := range l.trees {
		l.hear(tree)
	}
	return l
}

// declared records constants, functions that return agreements, and functions that pass a format
// on.
func (l *listener) declared(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, v := range n.Values {
			if text, ok := l.text(v); ok && i < len(n.Names) {
				l.consts[n.Names[i].Name] = text
			}
		}
	case *ast.FuncDecl:
		if r := n.Type.Results; r != nil && len(r.List) == 1 && isSay(r.List[0].Type, "Agreement") {
			l.agrees[n.Name.Name] = true
		}
		l.hands(n.Name.Name, n.Type)
	case *ast.AssignStmt: // for example: row := func(key, format string, args ...any)
		if f, ok := n.Rhs[0].(*ast.FuncLit); ok {
			if name, ok := n.Lhs[0].(*ast.Ident); ok {
				l.hands(name.Name, f.Type)
			}
		}
	}
	return true
}

// hands records the position of the format if a function takes one and passes it on.
func (l *listener) hands(name string, f *ast.FuncType) {
	place, last := 0, f.Params.List
	if n := len(last); n == 0 {
		return
	} else if _, variadic := last[n-1].Type.(*ast.Ellipsis); !variadic {
		return
	}
	for _, p := range f.Params.List {
		for _, n := range p.Names {
			if n.Name == "format" && !slices.Contains(l.wraps[name], place) {
				l.wraps[name] = append(l.wraps[name], place)
			}
			place++
		}
	}
}

func isSay(x ast.Expr, name string) bool {
	s, ok := x.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	of, ok := s.X.(*ast.Ident)
	return ok && of.Name == "say"
}

// text returns a string that is a literal or composed of literals.
func (l *listener) text(x ast.Expr) (string, bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(x.Value)
		return text, err == nil && x.Kind == token.STRING
	case *ast.BinaryExpr:
		a, isA := l.text(x.X)
		b, isB := l.text(x.Y)
		return a + b, isA && isB
	case *ast.Ident:
		text, known := l.consts[x.Name]
		return text, known
	case *ast.ParenExpr:
		return l.text(x.X)
	}
	return "", false
}

// hear records the messages passed to say, and to functions that pass them on.
func (l *listener) hear(tree *ast.File) {
	ast.Inspect(tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name, qualifier := "", ""
		switch f := call.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
			if of, plain := f.X.(*ast.Ident); plain {
				qualifier = of.Name
			}
		case *ast.Ident:
			name = f.Name
			if tree.Name.Name != "say" && slices.Contains([]string{"F", "N", "New", "Errorf", "Sprintf"}, name) {
				return true
			}
		}
		foreign := slices.Contains([]string{"fmt", "errors", "flow", "ns", "nft", "lipgloss", "tea"}, qualifier)
		if foreign || slices.Contains([]string{"New"}, name) && qualifier != "say" && tree.Name.Name != "say" {
			return true
		}
		for _, at := range l.wraps[name] {
			if at < len(call.Args) {
				l.note(call, at, qualifier == "say")
			}
		}
		return true
	})
}

func (l *listener) note(call *ast.CallExpr, at int, ours bool) {
	where := l.files.Position(call.Pos())
	english, ok := l.text(call.Args[at])
	if handed, is := call.Args[at].(*ast.Ident); is && !ok && handed.Name == "format" {
		return // recorded where the function is called
	}
	if !ok {
		if ours {
			l.wrong = append(l.wrong, fmt.Sprintf("%s: a format that is not written out: use say.Text for what was written elsewhere", where))
		}
		return
	}
	m := message{english: english, where: where, may: map[int]bool{}}
	for i, arg := range call.Args[at+1:] {
		if c, is := arg.(*ast.CallExpr); is {
			name, _ := c.Fun.(*ast.Ident)
			m.may[i+1] = isSay(c.Fun, "Agreement") || name != nil && l.agrees[name.Name]
		}
	}
	l.messages = append(l.messages, m)
}

// worded reports whether a format contains words, not only arguments.
func worded(format string) bool {
	return strings.ContainsFunc(verb.ReplaceAllString(format, ""), unicode.IsLetter)
}

var verb = regexp.MustCompile(`%(?:%|([-+# 0]*)(?:[0-9]*|\*)(?:\.[0-9]*)?(?:\[([0-9]+)\])?([a-zA-Z]))`)

// verbs returns which arguments a format uses, and with which verbs.
func verbs(format string) map[int]string {
	found := map[int]string{}
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[3] == "" {
			continue // %%
		}
		if strings.Contains(m[0], "*") {
			next++
		}
		if m[2] != "" {
			next, _ = strconv.Atoi(m[2])
		}
		found[next] = map[string]string{"w": "s", "v": "s", "q": "s"}[m[3]]
		found[next] = cmp.Or(found[next], m[3])
		next++
	}
	return found
}

// fits returns what is wrong with a translation, or "".
func (m message) fits(text string) string {
	want, got := verbs(m.english), verbs(text)
	for n := range got { // else nested sentences in a record could double at each level
		if strings.Count(text, fmt.Sprintf("%%[%d]", n)) > 1 {
			return fmt.Sprintf("argument %d is in it twice", n)
		}
	}
	for n, kind := range want {
		if got[n] == "" && !m.may[n] {
			return fmt.Sprintf("argument %d is not in it", n)
		}
		if got[n] != "" && got[n] != kind {
			return fmt.Sprintf("argument %d is %%%s, and %%%s in English", n, got[n], kind)
		}
	}
	for n := range got {
		if want[n] == "" {
			return fmt.Sprintf("there is no argument %d", n)
		}
	}
	if len(got) < len(want) && !strings.Contains(text, "%[") {
		return "where an argument is left out, the others are numbered"
	}
	return ""
}

// typed returns words of certain types, which are looked up when they are shown.
func (l *listener) typed() []message {
	var all []message
	for _, tree := range l.trees {
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec: // for example: const makeVeth step = "make a veth pair"
				kind, ok := n.Type.(*ast.Ident)
				if !ok || !slices.Contains([]string{"step", "Stage", "Direction"}, kind.Name) {
					return true
				}
				for _, v := range n.Values {
					if text, ok := l.text(v); ok {
						all = append(all, message{english: text, where: l.files.Position(n.Pos())})
					}
				}
			case *ast.CompositeLit: // for example: trial{"kernel", …}
				if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "trial" || n.Type == nil && len(n.Elts) == 4 {
					if text, ok := l.text(n.Elts[0]); ok && tree.Name.Name == "lab" {
						all = append(all, message{english: text, where: l.files.Position(n.Pos())})
					}
				}
			}
			return true
		})
	}
	return all
}

// helpMessages returns the help texts of the commands.
func helpMessages(c *cobra.Command) []message {
	var all []message
	add := func(text string) {
		if text != "" {
			all = append(all, message{english: text, where: token.Position{Filename: c.CommandPath() + " --help"}})
		}
	}
	add(c.Short)
	add(c.Long)
	if strings.Contains(c.Example, "#") { // commands are the same in all languages, comments are not
		add(c.Example)
	}
	flags := func(f *pflag.Flag) {
		if f.Name != "help" {
			add(f.Usage)
		}
	}
	c.Flags().VisitAll(flags)
	c.PersistentFlags().VisitAll(flags)
	for _, g := range c.Groups() {
		add(g.Title)
	}
	for _, below := range c.Commands() {
		all = append(all, helpMessages(below)...)
	}
	return all
}

// courseMessages returns the titles and questions of the course.
func courseMessages() []message {
	var all []message
	for _, name := range scenario.Builtins() {
		sc, _ := scenario.Builtin(name)
		texts := []string{sc.Title, sc.Question}
		for _, x := range sc.Experiments {
			texts = append(texts, x.Title)
		}
		for _, text := range texts {
			all = append(all, message{english: text, where: token.Position{Filename: "scenario/course/" + name + ".yaml"}})
		}
	}
	return all
}
