package cli

import (
	"testing"

	"lablab/internal/control"
	"lablab/say"
)

func TestEffect(t *testing.T) {
	for _, test := range []struct {
		done control.Effect
		want string
	}{
		{control.Effect{}, "nothing happened"},
		{control.Effect{Outlived: 1}, "1 flow has an entry and goes on; to end it: lablab cut --admitted-by ssh; to see it: lablab flows"},
		{control.Effect{Outlived: 3}, "3 flows have entries and go on; to end them: lablab cut --admitted-by ssh; to see it: lablab flows"},
		{control.Effect{Untracked: "dropped"}, "untracked flows are cut off now: they have no entry, and no rule allows them; to see it: lablab trace"},
		{control.Effect{Untracked: "checked"}, "untracked flows have no entry: the rules decide on each packet; to see it: lablab trace"},
		{control.Effect{Converted: 2}, "2 flows are no longer tracked: the rules decide on each packet; to see it: lablab trace"},
		{control.Effect{Denied: 1}, "the ACL drops packets of 1 flow that has an entry; to see it: lablab trace"},
		{control.Effect{Untracked: "dropped", Outlived: 1}, "untracked flows are cut off now: they have no entry, and no rule allows them; 1 flow has an entry and goes on; to end it: lablab cut --admitted-by ssh; to see it: lablab flows"},
		{control.Effect{Deleted: 1}, "1 conntrack entry was deleted: the next packet of its flow is new, and the rules decide; to see it: lablab trace"},
		{control.Effect{Deleted: 2, Outlived: 1}, "2 conntrack entries were deleted: the next packet of each flow is new, and the rules decide; 1 flow has an entry and goes on; to end it: lablab cut --admitted-by ssh; to see it: lablab flows"},
		{control.Effect{Models: []string{"windows"}}, "under model windows, once the rule that admitted a flow is gone, the rules are checked again; to see it: lablab trace"},
		{control.Effect{Models: []string{"sweep", "syn"}}, "under model sweep, once a sweep has found that no rule allows a flow, the rules are checked for its packets; that takes 30s; under model syn, the rules are checked for every echo request; to see it: lablab trace"},
		{control.Effect{Models: []string{"sweep-no-delay"}}, "under model sweep-no-delay, once a sweep has found that no rule allows a flow, the rules are checked for its packets; to see it: lablab trace"},
	} {
		if got := effect(test.done, say.As("nothing happened"), "lablab cut --admitted-by ssh").String(); got != test.want {
			t.Errorf("%+v:\n%s\nwant\n%s", test.done, got, test.want)
		}
	}
}
