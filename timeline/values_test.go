package timeline

import (
	"maps"
	"reflect"
	"slices"
	"testing"
)

// Events carry values, and text only for names and for words that lablab did not choose or only
// shows, so no code has to parse what lablab wrote. A new string needs its reason here.
func TestEventsCarryValues(t *testing.T) {
	reasons := map[string]string{}
	for reason, fields := range map[string][]string{
		"a name or an id": {
			"Begun.Scenario", "Begun.File", "Begun.AskAbout", "Host.Name", "Host.Groups", "Host.Product", "Host.Ruleset", "StreamStarted.PublishedBy", "Prediction.Stream", "Prediction.By", "Prediction.Host", "Prediction.Flow", "Prediction.AdmittedBy", "Prediction.ReleasedBy",
			"Prediction.Hit", "Prediction.Never", "Rule.Group", "Rule.Hosts", "Rule.ID", "Rule.PrefixList", "Reference.GroupID", "Reference.GroupName",
			"Reference.Owner", "Reference.VPC", "Reference.Peering", "GroupsChanged.Host", "GroupsChanged.Groups", "Cut.Host", "ACLChanged.Host",
			"ModifyPrefixList.PrefixList", "CanaryDropped.Host", "StreamStarted.Stream", "StreamStarted.From", "StreamStarted.To", "StreamStopped.Stream", "Ran.Host", "Forged.Host",
			"Sent.Stream", "Connected.Stream", "Unreached.Stream", "NotSent.Stream", "Replied.Stream", "Judged.Host", "Judged.Stream", "By.ID", "EntryChanged.Host",
			"Dumped.Host", "Counted.Host", "Counter.Rule", "Missed.Host", "Timeouts.Profile",
		},
		"the author's or EC2's words":      {"Begun.Title", "Begun.Question", "Plan.Title", "Rule.Description", "Reference.Status"},
		"a message, to be shown":           {"Begun.LeftOut", "Plan.Do", "Kept.Format", "Kept.One", "StreamStopped.Error", "Ended.Failed"},
		"words of the system or a program": {"Begun.Version", "Begun.Kernel", "Ran.Command", "Ran.Output", "Unreached.Error", "NotSent.Error", "Interrupted.By"},
		"the kernel's constants":           {"Entry.Status", "Entry.TCP"},
		"as nft(8) names it":               {"Site.Family", "Site.Table", "Site.Chain"},
		"a word of scenario files":         {"Prediction.Outcome", "Host.Model"},
	} {
		for _, f := range fields {
			reasons[f] = reason
		}
	}
	unused := maps.Clone(reasons)
	seen := map[reflect.Type]bool{}
	var walk func(field string, of reflect.Type)
	walk = func(field string, of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(field, of.Elem())
		case reflect.Struct:
			if of.PkgPath() == "net/netip" || of.PkgPath() == "time" || seen[of] {
				return
			}
			seen[of] = true
			for i := range of.NumField() {
				walk(of.Name()+"."+of.Field(i).Name, of.Field(i).Type)
			}
		case reflect.String:
			if of.PkgPath() != "" {
				return // it has a type of its own
			}
			if delete(unused, field); reasons[field] == "" {
				t.Errorf("%s is text: give it a type, or a reason here", field)
			}
		}
	}
	for _, body := range everyKind() {
		walk("", reflect.TypeOf(body))
	}
	if len(unused) > 0 {
		t.Errorf("not a field any more: %v", slices.Sorted(maps.Keys(unused)))
	}
}
