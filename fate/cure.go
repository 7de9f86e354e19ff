package fate

import (
	"regexp"
	"slices"
	"strings"

	"lablab/plan"
	"lablab/say"
)

// A Cure is what to change so that a finding goes away.
type Cure struct {
	// Name is a fixed word, such as moved; "" if no cure is known.
	Name string
	// Text says what to write, and where.
	Text say.Sentence
}

// cure returns what makes a finding go away. The cures are Terraform's, but for calls without a
// resource.
func (f *forecast) cure(of Finding) Cure {
	switch of.Kind {
	case LostFound:
		return f.cureLoss(of)
	case ApplyFound:
		return f.cureFailure(of)
	case GapFound:
		return f.cureGap(of)
	case CutFound, ReturnFound:
		if of.To > 0 {
			return f.cureGap(of)
		}
		return f.cureEnd(of)
	case UnresolvedFound:
	}
	return Cure{}
}

// cureGap finds why a rule goes before another one comes.
func (f *forecast) cureGap(of Finding) Cure {
	if of.From == 0 || of.To == 0 {
		return Cure{}
	}
	gone, came := f.Calls[of.From-1], f.Calls[of.To-1]
	a, b := address(gone.Resource), address(came.Resource)
	switch {
	case gone.Resource == "" && came.Resource == "":
		return Cure{"reorder", say.F("make call %d before call %d", of.To, of.From)}
	case f.replacesGroup(gone.Group()):
		return f.cureReplacement()
	case attaches(gone) && came.Resource != gone.Resource:
		return Cure{"depends_on", say.F("depends_on = [%s] in %s", came.Resource, gone.Resource)}
	case a.config == b.config && a.counted():
		return forEach(a)
	case a.kind == "aws_security_group" && isRule(b.kind):
		return Cure{"import", say.F("import the rule that exists into %s, and remove ingress and egress from %s in the same change", came.Resource, gone.Resource)}
	case a.kind == "aws_security_group" && gone.Resource == came.Resource:
		return Cure{"rule-resource", say.F("move the rules of %s to aws_vpc_security_group_ingress_rule, which changes a rule in one call", gone.Resource)}
	case a.kind == oldRule && gone.Resource == came.Resource:
		return Cure{"rule-resource", say.F("use aws_vpc_security_group_ingress_rule instead of %s, one for each address range: it changes a rule in one call", gone.Resource)}
	case isRule(a.kind) && gone.Resource == came.Resource:
		return Cure{"create_before_destroy", say.F("lifecycle { create_before_destroy = true } in %s", gone.Resource)}
	case isRule(a.kind) && isRule(b.kind):
		return rename(gone.Resource, came.Resource)
	}
	return Cure{"two-applies", say.F("two applies: first add what is new, then remove what is old")}
}

// cureLoss finds why a rule is missing that a resource has.
func (f *forecast) cureLoss(of Finding) Cure {
	for _, made := range f.likely.calls {
		if c := f.Calls[made.Call-1]; made.Result == plan.Failed && c.Name == "DeleteSecurityGroup" && f.replacesGroup(c.Group()) {
			return f.cureReplacement()
		}
	}
	if of.From == 0 {
		return f.cureFailure(of)
	}
	gone := f.Calls[of.From-1].Resource
	a, b := address(gone), address(of.Resource)
	switch {
	case a.kind == "aws_security_group" && isRule(b.kind):
		return Cure{"no-mixing", say.F("keep the rules of a group either in %s or in rule resources, not in both", gone)}
	case b.counted():
		return forEach(b)
	case isRule(a.kind) && isRule(b.kind) && gone != of.Resource:
		return rename(gone, of.Resource)
	}
	return f.cureFailure(of)
}

// cureFailure finds why a call fails.
func (f *forecast) cureFailure(of Finding) Cure {
	a := address(of.Resource)
	name := ""
	if of.From > 0 {
		name = f.Calls[of.From-1].Name
	}
	switch {
	case name == "DeleteSecurityGroup":
		if f.replacesGroup(f.Calls[of.From-1].Group()) {
			return f.cureReplacement()
		}
		return Cure{"two-applies", say.F("two applies: first take the group from its hosts and from the rules that name it, then delete it")}
	case name == "CreateSecurityGroup":
		return Cure{"name_prefix", say.F("name_prefix instead of name in %s", of.Resource)}
	case a.counted():
		return forEach(a)
	case isRule(a.kind):
		for _, c := range f.Calls {
			if b := address(c.Resource); c.Resource != of.Resource && isRule(b.kind) && strings.HasPrefix(c.Name, "Revoke") && of.From > 0 && c.Group() == f.Calls[of.From-1].Group() {
				return rename(c.Resource, of.Resource)
			}
		}
		if a.kind == oldRule {
			return Cure{"rule-resource", say.F("use aws_vpc_security_group_ingress_rule instead of %s, one for each address range: it changes a rule in one call", of.Resource)}
		}
	}
	return Cure{}
}

// cureEnd says how to end connections on purpose.
func (f *forecast) cureEnd(of Finding) Cure {
	if of.From == 0 || of.Kind != CutFound {
		return Cure{}
	}
	return Cure{"two-applies", say.F("two applies, so that connections can end by themselves: first add what replaces the rule, then remove the rule once it is not used")}
}

func (f *forecast) cureReplacement() Cure {
	return Cure{"create_before_destroy", say.F("lifecycle { create_before_destroy = true } in the group and its rules, and name_prefix instead of name in the group")}
}

func forEach(a addressed) Cure {
	return Cure{"for_each", say.F("for_each instead of count in %s, with the address ranges as keys", a.config)}
}

func rename(from, to string) Cure {
	return Cure{"moved", say.F("moved { from = %s, to = %s }", from, to)}
}

// replacesGroup reports whether the change deletes a group and creates one for the same resource.
func (f *forecast) replacesGroup(group string) bool {
	i := slices.IndexFunc(f.Calls, func(c plan.Call) bool { return c.Name == "DeleteSecurityGroup" && c.Group() == group })
	return i >= 0 && slices.ContainsFunc(f.Calls, func(c plan.Call) bool { return c.Name == "CreateSecurityGroup" && c.Resource == f.Calls[i].Resource })
}

// attaches reports whether a call changes who has a group.
func attaches(c plan.Call) bool { return c.Target() != "" && c.Group() == "" }

const oldRule = "aws_security_group_rule"

// isRule reports whether a type of resource is a rule of a group.
func isRule(kind string) bool {
	return kind == oldRule || kind == "aws_vpc_security_group_ingress_rule" || kind == "aws_vpc_security_group_egress_rule"
}

// An addressed resource is an address of Terraform's, in parts.
type addressed struct{ kind, name, index, config string }

// counted reports whether the resource is one of several that count makes.
func (a addressed) counted() bool {
	return strings.HasPrefix(a.index, "[") && !strings.HasPrefix(a.index, `["`)
}

var lastOf = regexp.MustCompile(`([a-zA-Z0-9_]+)\.([^.\[\] ]+)(\[[^\]]*\])?( \(.*\))?$`)

func address(resource string) addressed {
	m := lastOf.FindStringSubmatchIndex(resource)
	if m == nil {
		return addressed{}
	}
	a := addressed{kind: resource[m[2]:m[3]], name: resource[m[4]:m[5]], config: resource[:m[5]]}
	if m[6] >= 0 {
		a.index = resource[m[6]:m[7]]
	}
	return a
}
