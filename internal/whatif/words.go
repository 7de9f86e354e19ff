package whatif

import (
	"cmp"
	"slices"

	"lablab/fate"
	"lablab/say"
)

// said describes a course.
func (c Course) said() say.Sentence {
	s := c.surely()
	if !c.Certain && c.Fate != fate.NotJudged {
		return say.F("%s (not certain)", s)
	}
	return s
}

func (c Course) surely() say.Sentence {
	switch c.Fate {
	case fate.LivesOn:
		return say.F("goes on")
	case fate.CannotReturn:
		return say.F("goes on, but could not begin again after call %d", c.From)
	case fate.GoesUntracked:
		return say.F("goes on untracked")
	case fate.Interrupted:
		return say.F("CUT from call %d to call %d", c.From, c.To)
	case fate.Cut:
		return say.F("CUT for good by call %d", c.From)
	case fate.CutUnlessPeer:
		return say.F("CUT by call %d, unless the other side sends first", c.From)
	case fate.Down, fate.Refused:
		return say.F("dropped, before and after")
	case fate.Allowed:
		return say.F("allowed")
	case fate.NewlyAllowed:
		return say.F("allowed after call %d", c.To)
	case fate.NewlyRefused:
		return say.F("DROPPED after call %d", c.From)
	case fate.Gap:
		return say.F("DROPPED from call %d to call %d", c.From, c.To)
	case fate.AllowedMeanwhile:
		return say.F("allowed from call %d to call %d", c.From, c.To)
	case fate.NotJudged:
	}
	return say.F("unknown")
}

// verdict says in a sentence whether to worry.
func (r *Report) verdict() say.Sentence {
	if len(r.Findings) == 0 {
		return say.F("OK: no connection is cut, and none that is allowed now is dropped")
	}
	return r.Findings[0].said()
}

func (f Finding) said() say.Sentence {
	switch {
	case f.Kind == fate.UnresolvedFound:
		return say.F("UNKNOWN: %s", f.Text)
	case f.Certain:
		return say.F("WARNING: %s", f.Text)
	}
	return say.F("POSSIBLE: %s", f.Text)
}

// An alikeFinding stands for others of its kind with the same cure.
type alikeFinding struct {
	Finding
	more int
}

// alikeFindings returns the findings, those with the same cure as one.
func (r *Report) alikeFindings() (list []alikeFinding) {
	at := map[string]int{}
	for _, f := range r.Findings {
		key := string(f.Kind) + f.Cure + f.CureText.String()
		if i, there := at[key]; there && f.Cure != "" {
			list[i].more++
			continue
		}
		at[key] = len(list)
		list = append(list, alikeFinding{Finding: f})
	}
	return list
}

// An alikeFlow stands for others of which the same is said.
type alikeFlow struct {
	Flow
	more int
}

// alikeFlows returns the connections, those of which the same is said as one, the worst first.
func (r *Report) alikeFlows() (list []alikeFlow) {
	at := map[string]int{}
	for _, f := range r.Flows {
		key := f.key()
		if i, there := at[key]; there {
			list[i].more++
			continue
		}
		at[key] = len(list)
		list = append(list, alikeFlow{Flow: f})
	}
	slices.SortStableFunc(list, func(a, b alikeFlow) int { return cmp.Compare(fate.Severity(b.Fate), fate.Severity(a.Fate)) })
	return list
}
