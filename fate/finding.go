package fate

import (
	"cmp"
	"slices"

	"lablab/plan"
	"lablab/say"
	"lablab/sg"
)

// A Kind is a kind of finding.
type Kind string

// The kinds of findings.
const (
	GapFound        Kind = "gap"        // new connections are dropped for some calls
	LostFound       Kind = "lost"       // a rule that a resource has is missing at the end
	CutFound        Kind = "cut"        // connections that are up are cut, for a time or for good
	ReturnFound     Kind = "return"     // connections go on that could not begin again
	ApplyFound      Kind = "apply"      // a call fails
	UnresolvedFound Kind = "unresolved" // something in the change is not known
)

// A Finding is something to worry about.
type Finding struct {
	Kind Kind
	// Certain is whether it happens in every order, and whatever is not known.
	Certain bool
	// Resource is the one whose call begins it; "" if it is not known.
	Resource string
	// From and To are the numbers of the calls that begin and end it; 0 if none does.
	From, To int
	// Host is where it happens, Flows how many flows it concerns.
	Host  string
	Flows int
	Said  say.Sentence
	Cure  Cure
}

// findings returns the findings, certain ones first, then the worst.
func (f *forecast) findings(fates []Fate) []Finding {
	list := append(f.failures(), f.losses()...)
	list = append(list, f.ofFlows(fates)...)
	for _, r := range f.Resources {
		for _, u := range r.Unresolved {
			list = append(list, Finding{Kind: UnresolvedFound, Resource: r.Address, Said: say.F("%s: %s", u.Attribute, u.Reason)})
		}
		if r.Use == plan.NotUnderstood {
			list = append(list, Finding{Kind: UnresolvedFound, Resource: r.Address, Said: say.F("%s: %s", r.Address, r.Reason)})
		}
	}
	for i := range list {
		list[i].Cure = f.cure(list[i])
	}
	order := []Kind{LostFound, CutFound, GapFound, ApplyFound, ReturnFound, UnresolvedFound}
	slices.SortStableFunc(list, func(a, b Finding) int {
		if a.Certain != b.Certain {
			if a.Certain {
				return -1
			}
			return 1
		}
		return cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind))
	})
	return list
}

// failures returns the calls that fail, in the likely order or in others.
func (f *forecast) failures() (list []Finding) {
	fails := map[int]int{} // in how many orders
	for _, c := range append([]*course{f.likely}, f.others...) {
		for _, made := range c.calls {
			if made.Result != plan.Failed {
				continue
			}
			fails[made.Call]++
			if fails[made.Call] > 1 {
				continue
			}
			finding := Finding{Kind: ApplyFound, Resource: f.Calls[made.Call-1].Resource, From: made.Call, Said: say.F("call %d fails: %s", made.Call, made.Err)}
			if c != f.likely {
				finding.Said = say.F("call %d fails if call %d comes before call %d: %s", made.Call, c.first, c.second, made.Err)
			}
			list = append(list, finding)
		}
	}
	for i := range list {
		list[i].Certain = fails[list[i].From] == 1+len(f.others)
	}
	return list
}

// losses returns the rules that are missing at the end.
func (f *forecast) losses() (list []Finding) {
	lost := map[plan.Loss]int{}
	at := map[plan.Loss]int{}
	for _, c := range append([]*course{f.likely}, f.others...) {
		for _, l := range f.Lost(c.calls) {
			lost[l]++
			if _, there := at[l]; there {
				continue
			}
			finding := Finding{Kind: LostFound, Resource: l.Resource, From: c.removes(f.Plan, l.Rule), Host: l.Rule.Group, Said: say.F("rule %s of %s is missing at the end", l.Rule.Rule, l.Rule.Group)}
			if c != f.likely {
				finding.Said = say.F("rule %s of %s is missing at the end if call %d comes before call %d", l.Rule.Rule, l.Rule.Group, c.first, c.second)
			}
			at[l] = len(list)
			list = append(list, finding)
		}
	}
	for l, i := range at {
		list[i].Certain = lost[l] == 1+len(f.others)
	}
	return list
}

// removes returns the last call that removes a rule, or 0.
func (c *course) removes(p *plan.Plan, r sg.GroupRule) (call int) {
	had := has(p.Before, r)
	for _, made := range c.calls {
		now := has(made.Account, r)
		if had && !now {
			call = made.Call
		}
		had = now
	}
	return call
}

func has(a *sg.Account, r sg.GroupRule) bool {
	g := a.Group(r.Group)
	return g != nil && slices.ContainsFunc(g.Rules(r.Direction), r.Same)
}

// ofFlows returns the findings of the fates, one for all flows that share it.
func (f *forecast) ofFlows(fates []Fate) (list []Finding) {
	type shared struct {
		kind     Kind
		from, to int
		host     string
		certain  bool
	}
	at := map[shared]int{}
	add := func(kind Kind, c Course, likely bool) {
		key := shared{kind, c.From, c.To, c.Host, likely && c.Certain}
		i, there := at[key]
		if c.From == 0 {
			return // the change has no part in it
		}
		if !there {
			i = len(list)
			at[key] = i
			list = append(list, Finding{Kind: kind, From: c.From, To: c.To, Host: c.Host, Certain: key.certain})
		}
		list[i].Flows++
	}
	for _, fate := range fates {
		for _, c := range []Course{fate.Course, fate.Again} {
			addCourse(add, c, fate, true)
		}
		for _, o := range fate.Others {
			for _, c := range []Course{o.Course, o.Again} {
				addCourse(add, c, fate, false)
			}
		}
	}
	kept := list[:0]
	for _, finding := range list {
		if _, surely := at[shared{finding.Kind, finding.From, finding.To, finding.Host, true}]; surely && !finding.Certain {
			continue
		}
		if finding.From > 0 {
			finding.Resource = f.Calls[finding.From-1].Resource
		}
		finding.Said = finding.said()
		kept = append(kept, finding)
	}
	return kept
}

func addCourse(add func(Kind, Course, bool), c Course, fate Fate, likely bool) {
	switch c.Word {
	case Cut, CutUnlessPeer, Interrupted:
		add(CutFound, c, likely)
	case Gap:
		add(GapFound, c, likely)
	case CannotReturn, NewlyRefused:
		if likely && c == fate.Again && fate.Word != NewlyRefused {
			return // said of the connection that is up
		}
		add(ReturnFound, c, likely)
	case LivesOn, GoesUntracked, Down, NotJudged, Allowed, Refused, NewlyAllowed, AllowedMeanwhile:
	}
}

func (f Finding) said() say.Sentence {
	switch f.Kind {
	case CutFound:
		if f.To > 0 {
			return say.F("connections of %s that are up are cut from call %d to call %d", f.Host, f.From, f.To)
		}
		return say.F("connections of %s that are up are cut for good by call %d", f.Host, f.From)
	case GapFound:
		return say.F("new connections of %s are dropped from call %d to call %d", f.Host, f.From, f.To)
	case ReturnFound:
		return say.F("connections of %s go on, but could not begin again after call %d", f.Host, f.From)
	case LostFound, ApplyFound, UnresolvedFound:
	}
	return say.Sentence{}
}
