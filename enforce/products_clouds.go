package enforce

import "lablab/say"

// clouds returns the firewalls of clouds.
func clouds() []Product {
	return []Product{
		{
			Alias: "ec2", Name: "Amazon EC2 security group", Model: "aws",
			Statements: []Statement{
				{Documented, undated(ec2Tracking), say.F("A tracked flow goes on after its rule was removed or narrowed, until its timeout.")},
				{Documented, undated(ec2Containment, "GuardDuty remediation page"), say.F("Tracked flows go on when the interface gets other groups.")},
				{Documented, undated(ec2Tracking), say.F("An untracked flow stops at once when its rule is removed or modified.")},
				{Documented, undated(ec2Tracking), say.F("ICMP is always tracked.")},
				{Reported, dated("Alex Groyz (Vectra), medium.com", "2024-02-21"), say.F("An open group followed by an empty one stopped busy connections. Idle ones stopped only once they were active.")},
			},
			Quirks: []Statement{
				{Documented, undated("boto/botocore@0e6e240 botocore/data/ec2/2016-11-15/service-2.json"), say.F("About the delay of a change: %q. lablab has none.", "a small delay might occur")},
			},
			Undocumented: []say.Sentence{
				say.F("whether a tracked flow becomes untracked with a change of the rules or with its next packet"),
				say.F("whether an untracked flow is picked up mid-stream when its rule is narrowed"),
				say.F("live flows when a member leaves a referenced group, or when a prefix list changes"),
				say.F("the timeout of ICMP, and flows with packets in one direction only"),
				say.F("live flows when an instance stops or reboots, or when its interface is moved"),
			},
		},
		{
			Alias: "aws-acl", Name: "Amazon VPC network ACL", Model: "stateless",
			Statements: []Statement{
				{Documented, undated(ec2Tracking), say.F("A deny stops known flows in both directions: %q.", "breaks existing connections")},
				{Reported, dated("carriagereturn.nl", "2022"), say.F("Once the deny is gone, the flow goes on: the security group's entry was never gone.")},
			},
		},
		{
			Alias: "aws-nfw", Name: "AWS Network Firewall, stateful rules", Model: "keep",
			Statements: []Statement{
				{Documented, undated(networkFirewall), say.F("A change applies %q.", "only to new traffic flows")},
			},
			Quirks: []Statement{
				{Documented, undated(networkFirewall), say.F("An operation of its own flushes flows, by a filter.")},
				{Documented, undated(networkFirewall), say.F("A policy says what happens to a connection mid-stream: drop (the default), continue or reject.")},
				{Documented, undated("botocore@0e6e240 FlowTimeouts"), say.F("The idle timeout of TCP is 350 s (60 to 6000 s); then data is dropped until a SYN.")},
			},
		},
		{
			Alias: "aws-nfw-stateless", Name: "AWS Network Firewall, stateless rules", Model: "stateless",
			Statements: []Statement{
				{Documented, undated(networkFirewall), say.F("Stateless rules are %q.", "applied to all network packets")},
			},
		},
		{
			Alias: "azure", Name: "Azure network security group", Model: "keep",
			Statements: []Statement{
				{Documented, undated("network-security-groups-overview.md (azure-docs)"), say.F("After a change, known flows are %q.", "not reevaluated")},
				{Reported, undated("azure-docs#11797"), say.F("Users ask that the page say whether a change affects existing flows.")},
			},
			Quirks: []Statement{
				{Documented, undated("network-security-groups-overview.md (azure-docs)"), say.F("An older text gives the idle timeout as %q.", "at least a few minutes")},
			},
			Undocumented: []say.Sentence{say.F("live flows of a machine that gets other groups")},
		},
		{
			Alias: "azure-flush", Name: "Azure network security group with flushConnection", Model: "rejudge",
			Statements: []Statement{
				{Documented, undated(azureProperties), say.F("About known flows: %q.", "will be re-evaluated when rules are updates")},
				{Inferred, undated(azureProperties), say.F("A flow that no rule allows any more stops at its next packet, in either direction.")},
			},
			Quirks: []Statement{
				{Documented, undated(azureProperties), say.F("It is a prerelease. When it is switched on: %q.", "Initial enablement will trigger re-evaluation")},
			},
			Undocumented: []say.Sentence{
				say.F("when flows are evaluated again, and whether by packet or by a sweep"),
				say.F("live flows of a machine that gets other groups"),
				say.F("a rule that is restored"),
			},
		},
		{
			Alias: "gcp", Name: "Google Cloud VPC firewall", Model: "keep",
			Statements: []Statement{
				{Reported, undated("google/cloud-forensics-utils#347"), say.F("Google's forensics tool says that its quarantine %q.", "will not break on-going connections")},
			},
			Quirks: []Statement{
				{Reported, undated("secondary copies of Google's page"), say.F("The idle timeout is 10 minutes.")},
			},
			Undocumented: []say.Sentence{
				say.F("a change of the rules: no sentence of Google about live flows was found"),
				say.F("a deny in front of the rule, and a rule that is narrowed"),
			},
		},
		{
			Alias: "huawei", Name: "Huawei Cloud security group", Model: "cut", Knobs: map[string]string{"scope": "inbound"},
			Statements: []Statement{
				{Documented, dated(huaweiFAQ, "2025-08"), say.F("Any change of the inbound rules %q of inbound flows, which then begin again under the new rules.", "clears the connection tracking entries")},
				{Documented, dated(huaweiFAQ, "2025-08"), say.F("A change of the outbound rules leaves live flows alone.")},
			},
			Quirks: []Statement{
				{Documented, []Source{{huaweiFAQ, "2025-08"}, {"en-us_topic_0073379079", "2024"}}, say.F("In older regions, any change clears the entries of all inbound flows of all members.")},
				{Documented, []Source{{huaweiFAQ, "2025-08"}, {"en-us_topic_0073379079", "2024"}}, say.F("A machine that joins the group loses the entries of its inbound flows. When one leaves, all members lose theirs.")},
			},
			Undocumented: []say.Sentence{
				say.F("idle timeouts"),
				say.F("a TCP connection that is picked up mid-stream"),
			},
		},
		{
			Alias: "huawei-acl", Name: "Huawei Cloud network ACL", Model: "keep",
			Statements: []Statement{
				{Documented, dated(huaweiFAQ, "2025-08"), say.F("It is stateful, and a change leaves live flows alone, in both directions.")},
			},
			Undocumented: []say.Sentence{say.F("idle timeouts")},
		},
		{
			Alias: "alibaba", Name: "Alibaba Cloud security group", Model: "rejudge",
			Statements: []Statement{
				{Documented, []Source{{"help security-group-quintuple-rules", "2024-11"}, {"https://developer.aliyun.com/article/1476565", ""}}, say.F("If old and new rules %q, sessions are not affected. The text of 2026-09 no longer has that sentence.", "contain the same actions")},
				{Inferred, undated("help security-group-quintuple-rules"), say.F("So a session stops if the action for it changes.")},
			},
			Quirks: []Statement{
				{Documented, undated("help security-group-quintuple-rules"), say.F("To change a basic group, join the new one, wait about ten seconds, and leave the old one.")},
				{Documented, undated("help security-group-quintuple-rules"), say.F("The idle timeout is 910 s.")},
			},
			Undocumented: []say.Sentence{
				say.F("how and when a session stops: that it does is only implied"),
				say.F("a rule that is restored"),
			},
		},
		{
			Alias: "tencent", Name: "Tencent Cloud security group",
			NotPlayed: say.F("not documented: what a change does to live flows"),
			Statements: []Statement{
				{Documented, undated("product/213/12452"), say.F("It is stateful, and %q. About live flows it says nothing.", "new rules take effect immediately")},
			},
		},
		{
			Alias: "ctyun", Name: "CTyun (Tianyi) security group, regional pools", Model: "cut", Knobs: map[string]string{"scope": "all"},
			Statements: []Statement{
				{Documented, undated(ctyunDocument), say.F("A change clears all entries of all members.")},
			},
			Quirks: []Statement{
				{Documented, undated(ctyunDocument), say.F("So does a member that is created or deleted.")},
			},
			Undocumented: []say.Sentence{
				say.F("idle timeouts"),
				say.F("a TCP connection that is picked up mid-stream"),
			},
		},
		{
			Alias: "ctyun-az", Name: "CTyun (Tianyi) security group, AZ pools", Model: "keep",
			Statements: []Statement{
				{Documented, undated(ctyunDocument), say.F("A change leaves live flows alone.")},
			},
			Undocumented: []say.Sentence{say.F("idle timeouts")},
		},
		{
			Alias: "oci", Name: "Oracle Cloud security rules, stateful", Model: "keep",
			Statements: []Statement{
				{Inferred, undated("securitylists.htm"), say.F("A packet is also accepted %q, so a flow should outlive its rule.", "if the traffic is part of an existing connection being tracked")},
			},
			Quirks: []Statement{
				{Documented, undated("securitylists.htm"), say.F("A stateless rule that covers the same packet wins, so adding one stops the replies.")},
			},
			Undocumented: []say.Sentence{
				say.F("live flows of a machine that gets other groups"),
				say.F("a rule that is narrowed"),
				say.F("idle timeouts"),
			},
		},
		{
			Alias: "oci-stateless", Name: "Oracle Cloud security rules, stateless", Model: "stateless",
			Statements: []Statement{
				{Documented, undated("securityrules.htm"), say.F("Flows of a stateless rule are not tracked; each packet needs a rule.")},
			},
		},
		{
			Alias: "digitalocean", Name: "DigitalOcean cloud firewall",
			NotPlayed:    say.F("not documented: what a change does to live flows"),
			Undocumented: []say.Sentence{say.F("everything but that it is stateful")},
		},
		{
			Alias: "nsx", Name: "VMware NSX distributed firewall", Model: "rejudge",
			Statements: []Statement{
				{Inferred, undated("US10708229B2 (VMware's patent)"), say.F("A patent describes %q: at a flow's next packet, the rule in the flow's state is compared with the rule in force. A patent is not the product.", "packet induced revalidation")},
			},
			Quirks: []Statement{
				{Documented, undated("docs GUID-22DF2616"), say.F("Without the option TCP strict, connections are picked up mid-session.")},
			},
			Undocumented: []say.Sentence{
				say.F("live flows of a machine that gets other groups"),
				say.F("idle timeouts"),
			},
		},
	}
}
