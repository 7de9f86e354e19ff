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
func admitting(f control.Flow) say.Sentence {
	if f.AdmittingGone {
		return say.F("%s (gone)", *f.AdmittedBy)
	}
	return say.As(*f.AdmittedBy)
}
