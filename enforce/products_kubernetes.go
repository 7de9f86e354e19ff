package enforce

import "lablab/say"

// kubernetes returns what enforces the network policies of Kubernetes.
func kubernetes() []Product {
	return []Product{
		{
			Alias: "kubernetes", Name: "Kubernetes NetworkPolicy (the API)",
			NotPlayed: say.F("left to the implementation: choose the one of your cluster"),
			Statements: []Statement{
				{Documented, dated("kubernetes/website#43438", "2024"), say.F("What a change does to existing connections is %q.", "implementation defined")},
			},
		},
		{
			Alias: "cilium", Name: "Cilium", Model: "request",
			Statements: []Statement{
				{ReadInCode, undated(ciliumProgram, ciliumConntrack), say.F("New and established packets go through the policy; replies and related packets do not: %q.", "Skip policy enforcement for return traffic")},
			},
			Quirks: []Statement{
				{ReadInCode, []Source{{ciliumConntrack, ""}, {"cilium#9187", "2019"}}, say.F("A dropped packet does not delete the entry, and has refreshed it already.")},
				{ReadInCode, undated(ciliumProgram, ciliumConntrack, "cilium#2700, #3605, #9187"), say.F("An endpoint is regenerated first, which takes seconds.")},
			},
			Undocumented: []say.Sentence{say.F("idle timeouts")},
		},
		{
			Alias: "calico", Name: "Calico, iptables and nftables", Model: "keep",
			Statements: []Statement{
				{ReadInCode, undated("calico@87c15906f2 felix/rules/endpoints.go:783-812"), establishedFirst()},
				{ReadInCode, undated("calico@87c15906f2 conntrack/conntrack.go"), say.F("Entries are deleted only when the address of a pod goes.")},
				{Reported, []Source{{"calico#6399", ""}, {"calico#11334", "2025"}}, say.F("Users ask that a change of policy delete the entries that it no longer allows.")},
			},
			Quirks: []Statement{
				{ReadInCode, undated("calico@87c15906f2 felix/rules/endpoints.go:783-812"), say.F("With an nftables flowtable, which is an option, packets of known flows do not meet the rules at all.")},
			},
		},
		{
			Alias: "calico-ebpf", Name: "Calico, eBPF", Model: "keep",
			Statements: []Statement{
				{ReadInCode, undated("felix/bpf-gpl/tc.c:469-495", "conntrack.h:1048-1068"), say.F("A packet of a known flow skips the policy.")},
			},
			Quirks: []Statement{
				{ReadInCode, undated("felix/bpf-gpl/tc.c:469-495", "conntrack.h:1048-1068"), say.F("A SYN of a known flow is checked again.")},
				{ReadInCode, undated("timeouts.go:52-59"), say.F("The timeouts are 1 h for TCP, 60 s for UDP and 5 s for ICMP.")},
			},
		},
		{
			Alias: "antrea", Name: "Antrea", Model: "keep",
			Statements: []Statement{
				{Documented, undated("antrea@fc70f2bb7 docs/antrea-network-policy.md:1948"), say.F("About known flows: %q.", "established connections won't be blocked by new rules")},
				{ReadInCode, undated("antrea@fc70f2bb7 design/ovs-pipeline.md:1200"), establishedFirst()},
			},
		},
		{
			Alias: "kube-network-policies", Name: "kube-network-policies, strict mode (the default)", Model: "sweep",
			Statements: []Statement{
				{ReadInCode, undated(sweepController), say.F("New flows are checked, and an accepted one gets a label. A sweep takes the label from entries that no policy allows; ICMP is omitted, and so is TCP that is not ESTABLISHED.")},
				{ReadInCode, undated(sweepController), say.F("Without the label, the next packet in either direction is checked as that packet, a reply as one that leaves the server. If it is accepted, the flow gets the label again.")},
				{ReadInCode, undated("cmd.go:45", "e2e_standard.bats:244"), say.F("Sweeps are at least 30 s apart; the project's own test waits 31 s.")},
			},
			Quirks: []Statement{
				{ReadInCode, undated(sweepController), say.F("In its non-strict mode, known flows go on.")},
			},
		},
		{
			Alias: "eks", Name: "Amazon EKS network policy agent (VPC CNI)", Model: "keep",
			Statements: []Statement{
				{ReadInCode, undated(eksProgram), say.F("A flow that was accepted is cached, and goes on while other policies still apply to the pod.")},
			},
			Quirks: []Statement{
				{ReadInCode, undated(eksProgram), say.F("The first policy of a pod, or the end of its last one, has each flow checked at its next packet, and its entry deleted if no rule allows it.")},
				{ReadInCode, undated(eksProgram), say.F("ICMP has no ports, so all pings between two addresses share one entry: a second ping passes because of the first.")},
				{ReadInCode, undated(eksProgram), say.F("The cache is cleaned every 300 s.")},
				{Reported, undated("aws-network-policy-agent#73, #186"), say.F("Connections older than the policy are cut.")},
				{Reported, undated("aws-network-policy-agent#650"), say.F("In strict mode they are not.")},
			},
		},
		{
			Alias: "kube-router", Name: "kube-router", Model: "keep",
			Statements: []Statement{
				{ReadInCode, undated("kube-router@7c2c2779 npc_iptables.go:768-776, npc_nftables.go:340-354"), establishedFirst()},
			},
			Quirks: []Statement{
				{ReadInCode, undated("kube-router@7c2c2779 npc_iptables.go:768-776, npc_nftables.go:340-354"), say.F("INVALID packets are dropped.")},
			},
		},
		{
			Alias: "weave", Name: "Weave Net", Model: "keep",
			Statements: []Statement{
				{Reported, dated("weave#2618", "2016"), say.F("Users ask that a change of policy delete the entries that it no longer allows.")},
			},
		},
	}
}
