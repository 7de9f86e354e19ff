package enforce

import "lablab/say"

// openStack returns the firewalls of OpenStack, and those that are built on OVN.
func openStack() []Product {
	tombstone := map[string]string{"tombstone": "true"}
	northd := undated(ovnNorthd, "russellb/ovs 56ccd8b (2016)")
	requests := Statement{ReadInCode, northd, say.F("The ACLs decide about each request. One that is dropped sets ct_mark.blocked, which stops the replies too.")}
	resumes := Statement{ReadInCode, northd, say.F("Once a rule allows the flow again, its next request clears the mark. Replies are dropped until then.")}
	return []Product{
		{
			Alias: "neutron", Name: "OpenStack Neutron, iptables driver (and hybrid)", Model: "cut", Knobs: map[string]string{"scope": "matching", "tcp": "loose"},
			Statements: []Statement{
				{ReadInCode, undated(neutronConntrack, neutronFirewall), say.F("After iptables-restore, a worker thread deletes the entries of the removed rule, by protocol, direction and address.")},
				{ReadInCode, undated("dvr_snat_ns.py:36"), say.F("Only the DVR SNAT namespace sets tcp_loose to 0.")},
			},
			Quirks: []Statement{
				{ReadInCode, undated(neutronConntrack, neutronFirewall), say.F("The key has no port and no source: every flow of that protocol and direction loses its entry.")},
				{ReadInCode, undated(neutronConntrack, neutronFirewall), say.F("A port that gets other groups loses all its entries, in both directions.")},
				{ReadInCode, undated(neutronConntrack, neutronFirewall), say.F("When a member leaves a group that a rule refers to, its entries are deleted in both directions.")},
				{ReadInCode, dated("neutron 8fde7d461a, bug 2154561", "2026-06"), say.F("Until %s, entries were deleted before the rules changed.", "2026-06")},
			},
		},
		{
			Alias: "neutron-ovs", Name: "OpenStack Neutron, Open vSwitch driver", Model: "request", Knobs: tombstone,
			Statements: []Statement{
				{ReadInCode, undated("openvswitch_firewall/firewall.py:706-720, 1367-1417, 1503-1552", "internals/openvswitch_firewall.rst:327-356"), say.F("The rules decide about each packet of the original direction. One that no rule allows sets ct_mark to 1, which stops both directions.")},
			},
			Quirks: []Statement{
				{ReadInCode, dated("1e220d7136, bug 1915530", "2021"), say.F("Each update of the port deletes the entries with that mark, so replies need not wait for a request. Before, they hung.")},
			},
		},
		{
			Alias: "ovn", Name: "OVN, allow-related ACLs", Model: "request", Knobs: tombstone,
			Statements: []Statement{requests, resumes},
		},
		{
			Alias: "neutron-ovn", Name: "OpenStack Neutron, ML2/OVN", Model: "request", Knobs: tombstone,
			Statements: []Statement{
				{ReadInCode, undated("neutron common/ovn/acl.py:199"), say.F("Its rules become allow-related ACLs of OVN.")},
				requests, resumes,
			},
		},
		{
			Alias: "ovn-kubernetes", Name: "OVN-Kubernetes", Model: "request", Knobs: tombstone,
			Statements: []Statement{
				{ReadInCode, undated("ovn-kubernetes@6c366bb49 gress_policy.go:269"), say.F("Its rules become allow-related ACLs of OVN.")},
				requests, resumes,
			},
		},
		{
			Alias: "incus-ovn", Name: "Incus, OVN network", Model: "request", Knobs: tombstone,
			Statements: []Statement{
				{ReadInCode, undated("incus@be7afc5df3 acl_ovn.go:694"), say.F("Its rules become allow-related ACLs of OVN.")},
				requests, resumes,
			},
		},
		{
			Alias: "ovn-persist", Name: "OVN, persist-established (25.03)",
			NotPlayed: say.F("documented, but none of these models: a flow lives as long as its ACL, whatever that matches"),
			Statements: []Statement{
				{Documented, undated("ovn-nb.xml:3112-3136"), say.F("A flow goes on if only the match of its ACL changes. It ends when the ACL is destroyed.")},
				{ReadInCode, undated("northd.c:8358"), say.F("The entry has the ACL's id as its label, and is flushed by that.")},
			},
		},
		{
			Alias: "ovn-stateless", Name: "OVN, allow-stateless ACLs", Model: "stateless",
			Statements: []Statement{
				{Documented, undated("ovn-nb.xml"), say.F("There is no connection tracking; each packet needs a rule.")},
			},
		},
	}
}
