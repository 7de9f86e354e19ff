package scenario

import (
	"cmp"
	"io"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"lablab/say"
)

// A Ruleset is what a host enforces instead of groups: an nftables ruleset of its own.
type Ruleset struct {
	Place
	File string // where it was read from
	Text string // in the syntax of nft(8)
}

// A Published port of a host that translates addresses stands for the target of a stream.
type Published struct {
	Host string
	Port int
}

// ownRuleset reads the ruleset of a host that has its own. Such a host has nothing else that decides
// about packets.
func (w *walk) ownRuleset(from host, h *Host) {
	if !from.Ruleset.given() {
		return
	}
	others := []struct {
		key string
		at  Place
	}{
		{"groups", placeOfFirst(from.Groups)}, {"model", from.Model.Place}, {"always_tracked", from.AlwaysTracked.Place}, {"conversion", from.Conversion.Place},
		{"nat", from.NAT.Place}, {"source_dest_check", from.SourceDestCheck.Place},
	}
	for _, o := range others {
		if o.at.Line > 0 {
			w.about(o.at, "%s has a ruleset of its own, which leaves no room for %s", h.Name, say.As(o.key))
		}
	}
	h.Model, h.Product, h.ownModel, h.AlwaysTracked = nil, "", true, false
	h.Ruleset = &Ruleset{Place: from.Ruleset.Place, File: from.Ruleset.text}
	if !filepath.IsAbs(h.Ruleset.File) {
		h.Ruleset.File = filepath.Join(filepath.Dir(w.file), h.Ruleset.File)
	}
	f, err := w.open(h.Ruleset.File)
	if err != nil {
		w.about(from.Ruleset.Place, "cannot read the ruleset: %v", err)
		return
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largest+1))
	switch {
	case err != nil:
		w.about(from.Ruleset.Place, "cannot read the ruleset: %v", err)
	case len(text) > largest:
		w.about(from.Ruleset.Place, "the file is larger than %d MB", largest>>20)
	}
	h.Ruleset.Text = string(text)
}

// haveRulesets reports whether every host of a scenario has the key for a ruleset.
func haveRulesets(scenario ast.Node) bool {
	quiet := &complaints{}
	top, _ := quiet.pairs(scenario)
	i := slices.IndexFunc(top, func(p pair) bool { return p.key == "hosts" })
	if i < 0 || !isMapping(top[i].value) {
		return false
	}
	hosts, _ := quiet.pairs(top[i].value)
	return !slices.ContainsFunc(hosts, func(h pair) bool {
		keys, _ := quiet.pairs(h.value)
		return !slices.ContainsFunc(keys, func(k pair) bool { return k.key == "ruleset" })
	})
}

func placeOfFirst(names []name) Place {
	if len(names) == 0 {
		return Place{}
	}
	return names[0].Place
}

// ruled reports an error if a host has a ruleset of its own, which lablab does not change.
func (w *walk) ruled(n name) bool {
	if w.hosts[n.text] == nil || !w.hosts[n.text].ruled {
		return false
	}
	w.about(n.Place, "%s has a ruleset of its own: lablab does not change it", n.text)
	return true
}

// A ruleID is the id of a rule: also a comment in a host's own ruleset, or a place in it.
type ruleID struct{ name }

const ruleIDPattern = `^\S(.{0,126}\S)?$`

var aRuleID = regexp.MustCompile(ruleIDPattern)

func (r *ruleID) read(c *complaints, n ast.Node) {
	if r.scalar(c, n) && !aRuleID.MatchString(r.text) {
		c.about(r.Place, "%q is not the id of a rule", r.text)
		r.leaf = leaf{}
	}
}

// published reads where the client of a stream reaches its port.
func (w *walk) published(from word) (p Published, ok bool) {
	host, port, both := strings.Cut(from.text, ":")
	n, err := strconv.Atoi(port)
	switch {
	case !both || err != nil || n < 1 || n > 65535:
		w.about(from.Place, "%q is not a host with a port, such as gw:8080", from.text)
		return p, false
	case !w.host(name{leaf{from.Place, host}}):
		return p, false
	case !w.hosts[host].ruled:
		w.hinted(from.Place, say.F("give it a ruleset"), "%s has no ruleset that could publish a port", host)
		return p, false
	}
	return Published{host, n}, true
}

// throughPublished returns the hosts that forward the packets of a stream to a published port. The way
// back is not known.
func (w *walk) throughPublished(at Place, s Start) (via []string) {
	via, ok := w.passes(at, s.From, s.Published.Host)
	if !ok {
		return nil
	}
	via = append(via, s.Published.Host)
	if !w.named(s.Published.Host).Forwards {
		w.hinted(at, say.F("add forwards: true to %s", s.Published.Host), "%s reaches %s through %s, which does not forward", s.From, s.To, s.Published.Host)
	}
	rest, _ := w.passes(at, s.Published.Host, s.To)
	return append(via, rest...)
}

// passes returns the hosts between two hosts.
func (w *walk) passes(at Place, from, to string) (via []string, ok bool) {
	a := w.named(from)
	source, target, ok := a.Toward(w.named(to), w.sc.Hosts)
	if !ok {
		w.about(at, "%s has no route to %s", a.Name, target)
		return nil, false
	}
	via, _, ok = w.way(at, located{netip.PrefixFrom(source, 0), from}, located{netip.PrefixFrom(target, 0), to})
	return via, ok
}

// anyRuled reports whether one of the hosts has a ruleset of its own.
func (w *walk) anyRuled(hosts ...string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool { return w.hosts[h] != nil && w.hosts[h].ruled })
}

// Address returns the port to which the client of a stream sends, and the host that has it.
func (a Start) Address() (host string, port int) {
	return cmp.Or(a.Published.Host, a.To), cmp.Or(a.Published.Port, a.Port)
}
