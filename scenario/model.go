package scenario

import (
	"errors"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/google/jsonschema-go/jsonschema"

	"lablab/enforce"
	"lablab/say"
	"lablab/sg"
)

// A model is the name of an enforcement model or product, or one with its knobs.
type model struct {
	Place
	name  word
	knobs []setting
}

// A setting is a knob with its value.
type setting struct {
	knob  leaf
	value word
}

func (m *model) read(c *complaints, n ast.Node) {
	m.Place = placeOf(n)
	if !isMapping(n) {
		m.name.read(c, n)
		return
	}
	pairs, _ := c.pairs(n)
	for _, p := range pairs {
		switch {
		case p.wrong:
			continue
		case p.value.Type() == ast.NullType:
			c.valueless(p)
			continue
		}
		s := setting{knob: leaf{p.at, p.key}}
		if s.value.read(c, p.value); p.key == "name" {
			m.name = s.value
		} else {
			m.knobs = append(m.knobs, s)
		}
	}
	if !m.name.given() {
		c.about(m.Place, "%s is missing", "name")
	}
}

// model returns the model that is meant, if it exists.
func (w *walk) model(from model) (enforce.Choice, bool) {
	if !from.name.given() {
		return enforce.Choice{}, false
	}
	c, err := enforce.Parse(from.name.text)
	if err != nil {
		w.unknown(from.name.Place, err)
		return c, false
	}
	ok := true
	for _, s := range from.knobs {
		m, err := enforce.With(c.Model, s.knob.text, s.value.text)
		switch {
		case err == nil:
			c.Model = m
			continue
		case enforce.Setting(c.Model, s.knob.text) == "":
			w.unknown(s.knob.Place, err)
		default:
			w.unknown(s.value.Place, err)
		}
		ok = false
	}
	return c, ok
}

// unknown reports a name that package enforce does not know.
func (w *walk) unknown(at Place, err error) {
	var unknown *enforce.Unknown
	if !errors.As(err, &unknown) {
		w.about(at, "%s", err)
		return
	}
	hint := DidYouMean(unknown.Word, unknown.Choices)
	if len(unknown.Choices) > len(enforce.Models()) && Alike(unknown.Word, unknown.Choices) == "" {
		hint = say.F("lablab models lists all of them")
	}
	w.hinted(at, hint, "%s", unknown)
}

// models reads under which models the scenario runs.
func (w *walk) models(from some[model]) {
	for _, m := range from {
		c, ok := w.model(m)
		switch {
		case !ok:
			w.vague = true
		case slices.ContainsFunc(w.sc.Models, func(o enforce.Choice) bool { return o.String() == c.String() }):
			w.about(m.Place, "model %s is listed twice", say.As(c.String()))
		default:
			w.sc.Models = append(w.sc.Models, c)
		}
	}
}

// hostModel reads the model of one host, and what is said about flows that EC2 does not track.
func (w *walk) hostModel(from host, h *Host) {
	w.sc.inherit(h)
	h.At = w.keys["model"]
	if from.Model.Line > 0 {
		h.At = from.Model.Place
		c, ok := w.model(from.Model)
		if !ok {
			return
		}
		h.Model, h.Product, h.ownModel = c.Model, c.Product, true
	}
	m := h.Enforcement()
	if c := from.Conversion; c.given() && w.choice(say.As("conversion"), c, "at-once", "by-packet") {
		if with, err := enforce.With(m, "conversion", c.text); err == nil {
			h.Model, h.conversion = with, c.text
		} else {
			w.about(c.Place, "%s is for flows that EC2 does not track: model %s does not have them", say.As("conversion"), say.As(m.Traits().Name))
		}
	}
	if a := from.AlwaysTracked; a.given() && !m.Traits().Untracks {
		w.about(a.Place, "%s is for flows that EC2 does not track: model %s does not have them", say.As("always_tracked"), say.As(m.Traits().Name))
	}
}

// inherit gives a host the scenario's model, unless it has its own.
func (sc *Scenario) inherit(h *Host) {
	if h.ownModel || h.Ruleset != nil {
		return
	}
	c := sc.Model()
	h.Model, h.Product = c.Model, c.Product
	if with, err := enforce.With(h.Model, "conversion", h.conversion); err == nil {
		h.Model = with
	}
}

// Model returns the model of the hosts that have none of their own.
func (sc *Scenario) Model() enforce.Choice {
	if len(sc.Models) == 0 {
		return enforce.Choice{Model: enforce.Default()}
	}
	return sc.Models[0]
}

// Under returns the scenario with another model for the hosts that have none of their own, and the
// predictions for that model. It fails if a host cannot have the model.
func (sc *Scenario) Under(c enforce.Choice) (*Scenario, error) {
	under := *sc
	under.Models = []enforce.Choice{c}
	under.Hosts = slices.Clone(sc.Hosts)
	for i := range under.Hosts {
		h := &under.Hosts[i]
		under.inherit(h)
		if problem := h.unforwarding(); !problem.Empty() {
			return nil, say.Errorf("%s", problem)
		}
	}
	under.Experiments = slices.Clone(sc.Experiments)
	for i := range under.Experiments {
		x := &under.Experiments[i]
		x.Expect = x.expected(c)
		for _, a := range x.Do {
			if change, is := a.(Change); is {
				if problem := under.unguarded(change.Change); !problem.Empty() {
					return nil, say.Errorf("%s", problem)
				}
			}
		}
	}
	return &under, nil
}

// unforwarding says that the host cannot forward, if that is so.
func (h Host) unforwarding() say.Sentence {
	if h.Forwards && !h.Enforcement().Traits().Forwards {
		return say.F("%s forwards packets, which model %s cannot", h.Name, say.As(h.Enforcement().Traits().Name))
	}
	return say.Sentence{}
}

// unguarded says that a host cannot get a network ACL, if that is so.
func (sc *Scenario) unguarded(change sg.Change) say.Sentence {
	set, is := change.(sg.SetACL)
	i := slices.IndexFunc(sc.Hosts, func(h Host) bool { return is && set.ACL != nil && h.Name == set.Interface })
	if i < 0 || sc.Hosts[i].Enforcement().Traits().ACL {
		return say.Sentence{}
	}
	return say.F("%s cannot have a network ACL: model %s is one itself", set.Interface, say.As(sc.Hosts[i].Enforcement().Traits().Name))
}

// others stands for the models that a prediction does not name.
const others = "others"

// A branch is what is predicted under one model, or under any if it names none.
type branch struct {
	model  string // as it is written, or others
	expect []Expectation
}

// expected returns the predictions for a model: of each choice, the branch that names it best.
func (e Experiment) expected(c enforce.Choice) []Expectation {
	if e.branches == nil {
		return e.Expect
	}
	var list []Expectation
	for _, of := range e.branches {
		if b := bestOf(of, c); b != nil {
			list = append(list, b.expect...)
		}
	}
	return list
}

func bestOf(of []branch, c enforce.Choice) *branch {
	for _, name := range []string{"", c.Product, enforce.Notation(c.Model), c.Traits().Name, others} {
		i := slices.IndexFunc(of, func(b branch) bool { return b.model == name && (name != "" || len(of) == 1) })
		if i >= 0 {
			return &of[i]
		}
	}
	return nil
}

// isByModel reports whether the keys of a prediction are models.
func isByModel(pairs []pair) bool {
	fields := namesOf(fieldsOf(reflect.TypeFor[predicted]()))
	known := append(enforce.Names(), others)
	return slices.ContainsFunc(pairs, func(p pair) bool {
		_, err := enforce.Parse(p.key)
		return err == nil || p.key == others
	}) || len(pairs) > 0 && !slices.ContainsFunc(pairs, func(p pair) bool {
		return Alike(p.key, fields) != "" || Alike(p.key, known) == ""
	})
}

// byModel reads predictions that differ by model.
func (w *walk) byModel(x entry[some[prediction]], p prediction) []branch {
	var of []branch
	for _, m := range p.models {
		if m.name != others && !w.isPlayed(m) {
			continue
		}
		list := []Expectation{}
		w.branch, _ = enforce.Parse(m.name)
		for _, one := range m.value {
			if one.models != nil {
				w.about(one.Place, "a prediction for model %s cannot differ by model again", say.As(m.name))
				continue
			}
			list = append(list, w.predicted(x.name, one, one.Place)...)
		}
		of = append(of, branch{m.name, list})
	}
	w.branch = enforce.Choice{}
	return of
}

// isPlayed reports whether the scenario can run under a model that a prediction names.
func (w *walk) isPlayed(m entry[some[prediction]]) bool {
	c, err := enforce.Parse(m.name)
	if err != nil {
		w.unknown(m.Place, err)
		return false
	}
	var played []string
	for _, p := range w.sc.Models {
		played = append(played, p.String())
		if p.Product == m.name || c.Product == "" && (p.Model == c.Model || p.Traits().Name == m.name) {
			return true
		}
	}
	if len(played) == 0 || w.vague {
		return true // any
	}
	w.hinted(m.Place, say.F("its models are %s", say.Names(", ", played...)), "this scenario never runs under model %s", say.As(m.name))
	return false
}

// modelSchema describes the notations of a model: a word, or a mapping with what can be set about it.
func modelSchema() *jsonschema.Schema {
	name := &jsonschema.Schema{Type: "string", Pattern: anID.String(), Description: "a model, or a product that a model stands for"}
	properties := map[string]*jsonschema.Schema{"name": name}
	for _, m := range enforce.Models() {
		for _, k := range m.Traits().Knobs {
			properties[k.Name] = knobSchema(k)
			properties[k.Name].Description = "of model " + m.Traits().Name + ": " + k.Means.String()
		}
	}
	mapping := &jsonschema.Schema{
		Type: "object", Required: []string{"name"}, Properties: properties, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{name, mapping}}
}

// knobSchema lists the values of a knob. In YAML, true and false are not text.
func knobSchema(k enforce.Knob) *jsonschema.Schema {
	s := &jsonschema.Schema{}
	for _, value := range k.Choices {
		switch value {
		case "true", "false":
			s.Enum = append(s.Enum, value == "true")
		default:
			s.Enum = append(s.Enum, value)
		}
	}
	return s
}
