package scenario

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"lablab/say"
)

// A leaf is a single value as written, and its place. A value that is not in the file has no place.
type leaf struct {
	Place
	text string
}

func (l leaf) given() bool { return l.Line > 0 }

// scalar reads a single value and reports whether the node is one.
func (l *leaf) scalar(c *complaints, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode:
		l.text = n.Value
	case *ast.LiteralNode:
		l.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		l.text = n.GetToken().Value
	default:
		c.about(placeOf(n), "expected a single value, got %s", kindOf(n))
		return false
	}
	l.Place = placeOf(n)
	l.text = strings.TrimRight(l.text, "\n")
	for _, r := range l.text {
		if obeyed(r) && r != '\n' || r == utf8.RuneError {
			c.about(l.Place, "control character %U is not allowed", r)
			return false
		}
	}
	return true
}

type (
	word    struct{ leaf } // any text, parsed later
	name    struct{ leaf } // name of something
	line    struct{ leaf } // a line of text for people
	text    struct{ leaf } // several lines of text
	arg     struct{ leaf } // argument of a program
	boolean struct {
		leaf
		value bool
	}
	number struct {
		leaf
		value int
		wrong bool // and already reported
	}
	span struct {
		leaf
		value time.Duration
	}
	amount struct {
		leaf
		value Amount
		all   bool
		wrong bool // and already reported
	}
)

func (w *word) read(c *complaints, n ast.Node) { w.scalar(c, n) }

func (a *arg) read(c *complaints, n ast.Node) { a.scalar(c, n) }

const namePattern = `^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$`

var (
	aName = regexp.MustCompile(namePattern)
	// Ids that EC2 gives to groups and rules, which a file of groups may contain.
	anID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$`)
)

func (w *name) read(c *complaints, n ast.Node) {
	if !w.scalar(c, n) {
		return
	}
	if !anID.MatchString(w.text) {
		c.about(w.Place, "%q is not a valid name: use letters, digits, - and _, at most 31", w.text)
		w.leaf = leaf{}
	}
}

// isNew reports whether something new may have that name, and records a problem if not.
func (c *complaints) isNew(at Place, what say.Sentence, called string) bool {
	if aName.MatchString(called) {
		return true
	}
	c.about(at, "%q is not a valid name for %s: use letters, digits, - and _, at most 31", called, what)
	return false
}

const longest = 300 // maximum characters in a line of text

func (l *line) read(c *complaints, n ast.Node) {
	if !l.scalar(c, n) {
		return
	}
	switch length := utf8.RuneCountInString(l.text); {
	case strings.TrimSpace(l.text) == "":
		c.about(l.Place, "it is empty")
	case strings.Contains(l.text, "\n"):
		c.about(l.Place, "it spans more than one line")
	case length > longest:
		c.about(l.Place, "it has %d characters; the limit is %d", length, longest)
	}
}

// read joins the lines: they are those of the file, not of the text.
func (t *text) read(c *complaints, n ast.Node) {
	if t.scalar(c, n) {
		t.text = strings.Join(strings.Fields(t.text), " ")
	}
}

func (f *boolean) read(c *complaints, n ast.Node) {
	if !f.scalar(c, n) {
		return
	}
	b, ok := n.(*ast.BoolNode)
	if !ok {
		c.about(f.Place, "%q is neither true nor false", f.text)
		return
	}
	f.value = b.Value
}

func (i *number) read(c *complaints, n ast.Node) {
	if !i.scalar(c, n) {
		return
	}
	value, err := strconv.Atoi(i.text)
	if err != nil || n.Type() != ast.IntegerType {
		c.about(i.Place, "%q is not a whole number", i.text)
		i.wrong = true
	}
	i.value = value
}

// between rejects a number outside a range, unless the number is not set.
func (c *complaints) between(n number, what say.Sentence, least, most int) int {
	if n.given() && !n.wrong && (n.value < least || n.value > most) {
		c.about(n.Place, "%s is %d; expected %d to %d", what, n.value, least, most)
		return 0
	}
	return n.value
}

func (s *span) read(c *complaints, n ast.Node) {
	if !s.scalar(c, n) {
		return
	}
	value, err := time.ParseDuration(s.text)
	if _, bare := strconv.ParseFloat(s.text, 64); bare == nil {
		c.about(s.Place, "missing unit in duration %s: write %ss or %sms", s.text, s.text, s.text)
		return
	}
	if err != nil || value <= 0 {
		c.about(s.Place, "%q is not a duration such as 20ms, 30s or 5m", s.text)
		return
	}
	s.value = value
}

const amountPattern = `^(?:all|none|(>=|<=)?([0-9]{1,7})(%)?)$`

var anAmount = regexp.MustCompile(amountPattern)

func (a *amount) read(c *complaints, n ast.Node) {
	if !a.scalar(c, n) {
		return
	}
	found := anAmount.FindStringSubmatch(a.text)
	if found == nil {
		c.about(a.Place, `%q is not an amount: write all, none, 27, ">=5", "<=3", 60%% or ">=60%%"`, a.text)
		a.wrong = true
		return
	}
	switch a.text {
	case "all":
		a.all, a.value = true, Amount{Min: 100, Max: 100, Percent: true}
		return
	case "none":
		return
	}
	value, _ := strconv.ParseFloat(found[2], 64)
	a.value = Amount{Min: value, Max: value, Percent: found[3] == "%"}
	switch found[1] {
	case ">=":
		a.value.Max = noLimit
	case "<=":
		a.value.Min = 0
	}
	if a.value.Percent && value > 100 {
		c.about(a.Place, "%s is more than all packets", a.text)
	}
}
