package scenario

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A named maps names to things, in the order of the file.
type named[T any] []entry[T]

type entry[T any] struct {
	Place
	name  string
	value T
}

func (m *named[T]) read(c *complaints, n ast.Node) {
	pairs, _ := c.pairs(n)
	for _, p := range pairs {
		e := entry[T]{Place: p.at, name: p.key}
		if p.wrong {
			continue
		}
		if !anID.MatchString(p.key) {
			c.about(p.at, "%q is not a valid name: use letters, digits, - and _, at most 31", p.key)
			continue
		}
		if p.value.Type() == ast.NullType {
			c.valueless(p)
			continue
		}
		c.decode(p.value, reflect.ValueOf(&e.value).Elem())
		*m = append(*m, e)
	}
}

// A some is one value, or a list of several.
type some[T any] []T

func (s *some[T]) read(c *complaints, n ast.Node) {
	if list, several := n.(*ast.SequenceNode); several {
		if len(list.Values) == 0 {
			c.about(placeOf(n), "the list is empty")
		}
		c.sequence(n, reflect.ValueOf((*[]T)(s)).Elem())
		return
	}
	if n.Type() == ast.NullType {
		c.about(placeOf(n), "expected a value")
		return
	}
	var one T
	c.decode(n, reflect.ValueOf(&one).Elem())
	*s = some[T]{one}
}

// isMapping reports whether a node has keys.
func isMapping(n ast.Node) bool {
	_, one := n.(*ast.MappingValueNode)
	_, several := n.(*ast.MappingNode)
	return one || several
}

// A prediction is a word, or several fields; or there is one for each of several models.
type prediction struct {
	Place
	outcome word
	members predicted
	models  named[some[prediction]] // by model
}

func (p *prediction) read(c *complaints, n ast.Node) {
	p.Place = placeOf(n)
	if !isMapping(n) {
		p.outcome.read(c, n)
		return
	}
	before := len(c.list)
	pairs, _ := c.pairs(n)
	c.list = c.list[:before] // reported again when it is read
	if isByModel(pairs) {
		p.models.read(c, n)
		return
	}
	c.decode(n, reflect.ValueOf(&p.members).Elem())
}

// A timeouts value is a profile, or what differs from one.
type timeouts struct {
	Place
	members timeoutsMap
}

func (t *timeouts) read(c *complaints, n ast.Node) {
	t.Place = placeOf(n)
	if isMapping(n) {
		c.decode(n, reflect.ValueOf(&t.members).Elem())
		return
	}
	t.members.Profile.read(c, n)
}

// A cut deletes all entries, or some.
type cut struct {
	Place
	all     word
	members cutMap
}

func (t *cut) read(c *complaints, n ast.Node) {
	t.Place = placeOf(n)
	if isMapping(n) {
		c.decode(n, reflect.ValueOf(&t.members).Elem())
		return
	}
	t.all.read(c, n)
}

// An acl is a list of rules, or off.
type acl struct {
	Place
	off   word
	rules aclRules
}

func (a *acl) read(c *complaints, n ast.Node) {
	a.Place = placeOf(n)
	if isMapping(n) {
		c.decode(n, reflect.ValueOf(&a.rules).Elem())
		return
	}
	a.off.read(c, n)
}

// A ruleOrID is a rule, or the id of one.
type ruleOrID struct {
	Place
	id   name
	rule *rule
}

func (r *ruleOrID) read(c *complaints, n ast.Node) {
	r.Place = placeOf(n)
	if isMapping(n) {
		r.rule = &rule{}
		c.decode(n, reflect.ValueOf(r.rule).Elem())
		return
	}
	r.id.read(c, n)
}

// An action is one of the types listed in verbs, chosen by the key that only it has.
type action struct {
	Place
	do doer
}

// A doer turns the file's notation into an action, and applies it to the walk.
type doer interface {
	action(w *walk, at Place) Action
}

var verbs = []struct {
	verb string
	doer reflect.Type
}{
	{"ping", reflect.TypeFor[doPing]()},
	{"tcp", reflect.TypeFor[doTCP]()},
	{"udp", reflect.TypeFor[doUDP]()},
	{"stop", reflect.TypeFor[doStop]()},
	{"restart", reflect.TypeFor[doRestart]()},
	{"authorize", reflect.TypeFor[doAuthorize]()},
	{"revoke", reflect.TypeFor[doRevoke]()},
	{"groups", reflect.TypeFor[doGroups]()},
	{"cut", reflect.TypeFor[doCut]()},
	{"wait", reflect.TypeFor[doWait]()},
	{"timeouts", reflect.TypeFor[doTimeouts]()},
	{"tcp_loose", reflect.TypeFor[doLoose]()},
	{"acl", reflect.TypeFor[doACL]()},
	{"prefix_list", reflect.TypeFor[doPrefixList]()},
	{"forge", reflect.TypeFor[doForge]()},
	{"exec", reflect.TypeFor[doExec]()},
}

func (a *action) read(c *complaints, n ast.Node) {
	a.Place = placeOf(n)
	if !isMapping(n) {
		c.about(a.Place, "expected an action such as { ping: A, from: B, as: \"1\" }, got %s", kindOf(n))
		return
	}
	before := len(c.list)
	pairs, _ := c.pairs(n)
	c.list = c.list[:before] // reported again when it is read
	var known, found []string
	for _, v := range verbs {
		known = append(known, v.verb)
		if slices.ContainsFunc(pairs, func(p pair) bool { return p.key == v.verb }) {
			found = append(found, v.verb)
		}
	}
	if len(found) == 0 {
		c.misspelt(a.Place, pairs, known)
		return
	}
	if len(found) > 1 {
		c.about(a.Place, "%s are separate actions: { … }, { … }", strings.Join(found, " and "))
		return
	}
	into := reflect.New(verbs[slices.Index(known, found[0])].doer)
	c.decode(n, into.Elem())
	a.do = into.Interface().(doer)
}

// misspelt reports an action without a known verb: it names the key that no action has.
func (c *complaints) misspelt(at Place, pairs []pair, known []string) {
	members := map[string]bool{}
	for _, v := range verbs {
		for _, f := range fieldsOf(v.doer) {
			members[f.name] = true
		}
	}
	for _, p := range pairs {
		if !members[p.key] {
			c.hinted(p.at, DidYouMean(p.key, known), "unknown action %q", p.key)
			return
		}
	}
	c.hinted(at, DidYouMean("", known), "no action is given here")
}
