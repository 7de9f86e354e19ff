package report

import (
	"slices"

	"lablab/packet"
	"lablab/say"
)

// Key returns what identifies the flow to conntrack.
func (f Flow) Key() packet.Key { return f.orig }

// IsCanary reports whether the canary created that entry.
func (r *Report) IsCanary(f Flow) bool {
	return slices.ContainsFunc(r.Canaries, func(c Canary) bool { return c.key == f.orig })
}

// Admission says which rule admitted a flow, and what has happened to the rule since.
func (f Flow) Admission() say.Sentence {
	if f.Untracked {
		return say.F("untracked")
	}
	if f.Blocked {
		return say.F("admitted by %s, replies blocked", f.Admitter())
	}
	if f.ReleasedBy == nil {
		return say.F("admitted by %s", f.Admitter())
	}
	out := say.As(*f.ReleasedBy)
	if f.ReleasingGone {
		out = say.F("%s (revoked%s)", *f.ReleasedBy, inExperiment(*f.ReleaseRevokedIn))
	}
	if f.AdmittedBy == nil { // it came in where no group guards
		return say.F("forwarded, released by %s", out)
	}
	return say.F("forwarded, admitted by %s, released by %s", f.Admitter(), out)
}

// Admitter returns the rule that admitted a flow, and what has happened to the rule since.
func (f Flow) Admitter() say.Sentence {
	switch {
	case f.Untracked:
		return say.F("no rule (untracked)")
	case f.AdmittedBy == nil:
		return say.F("no security-group rule")
	case f.EqualSince != nil:
		return say.F("%s (revoked%s; an identical rule is in force%s)", *f.AdmittedBy, inExperiment(*f.RevokedIn), sinceExperiment(*f.EqualSince))
	case f.GroupLeftIn != nil:
		return say.F("%s (whose group was removed from %s%s)", *f.AdmittedBy, f.Host, inExperiment(*f.GroupLeftIn))
	case f.AdmittingGone:
		return say.F("%s (revoked%s)", *f.AdmittedBy, inExperiment(*f.RevokedIn))
	}
	return say.As(*f.AdmittedBy)
}
