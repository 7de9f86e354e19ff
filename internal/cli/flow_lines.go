package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"lablab/internal/control"
	"lablab/say"
)

// flowLines formats entries as one line each, aligned in columns.
func flowLines(l *say.Language, flows []control.Flow) []string {
	host, id, key := 4, 10, 0
	for _, f := range flows {
		host, key = max(host, utf8.RuneCountInString(f.Host)), max(key, len(f.Key.String()))
	}
	lines := make([]string, len(flows))
	for i, f := range flows {
		by := say.F("admitted by %s", say.F("no security-group rule"))
		switch {
		case f.Untracked:
			by = say.F("untracked")
		case f.ReleasedBy != nil && f.AdmittedBy != nil:
			by = say.F("forwarded, admitted by %s, released by %s", admitting(f), releasing(f))
		case f.ReleasedBy != nil:
			by = say.F("forwarded, released by %s", releasing(f))
		case f.AdmittedBy != nil:
			by = say.F("admitted by %s", admitting(f))
		}
		lines[i] = oneLine(fmt.Sprintf("%-*s %-*d %-*s  ", host, f.Host, id, f.ConntrackID, key, f.Key) +
			l.Sprintf("%d sent, %d back, %d s left, %s, %s", f.Packets, f.ReplyPackets, f.TimeoutSeconds, strings.Join(f.State(), " "), by))
	}
	return lines
}

// narrowLines is flowLines for less width: packet counts each way as 3/2, no ids, and of the state
// only the first word, or nothing.
func narrowLines(l *say.Language, flows []control.Flow, state bool) []string {
	host, key, packets, left := 0, 0, 0, 0
	for _, f := range flows {
		host, key = max(host, utf8.RuneCountInString(f.Host)), max(key, len(f.Key.String()))
		packets, left = max(packets, len(passed(f))), max(left, len(fmt.Sprint(f.TimeoutSeconds)))
	}
	lines := make([]string, len(flows))
	for i, f := range flows {
		by := say.F("by no rule")
		switch {
		case f.Untracked:
			by = say.F("untracked")
		case f.ReleasedBy != nil && f.AdmittedBy != nil:
			by = say.F("%s%s", say.F("by "), say.List(", ", admitting(f), releasing(f)))
		case f.ReleasedBy != nil:
			by = say.F("%s%s", say.F("by "), releasing(f))
		case f.AdmittedBy != nil:
			by = say.F("%s%s", say.F("by "), admitting(f))
		}
		lines[i] = oneLine(fmt.Sprintf("%-*s %-*s  %*s %*d s  %s", host, f.Host, key, f.Key, packets, passed(f), left, f.TimeoutSeconds, by.In(l)))
		if state {
			lines[i] += "  " + f.State()[0]
		}
	}
	return lines
}

// passed returns the packet counts of a flow, each way.
func passed(f control.Flow) string { return fmt.Sprintf("%d/%d", f.Packets, f.ReplyPackets) }

// admitting returns the rule that admitted a flow, and whether it is gone.
func admitting(f control.Flow) say.Sentence { return perhapsGone(*f.AdmittedBy, f.AdmittingGone) }

// releasing returns the same of the outbound rule that let a forwarded flow leave.
func releasing(f control.Flow) say.Sentence { return perhapsGone(*f.ReleasedBy, f.ReleasingGone) }

func perhapsGone(rule string, gone bool) say.Sentence {
	if gone {
		return say.F("%s (gone)", rule)
	}
	return say.As(rule)
}
