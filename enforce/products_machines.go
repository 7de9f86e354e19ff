package enforce

import "lablab/say"

// machines returns the firewalls of single machines, of routers, and of hosts of virtual machines
// and containers.
func machines() []Product {
	pf := Statement{ReadInCode, undated(pfSense, opnSense), say.F("A state accepts its packets, whatever the rules, and outlives pfctl -f.")}
	schedule := say.F("When the schedule of a rule ends, the states of that rule are killed by its label (unless schedule_states is set), as in the model cut.")
	timeouts := Statement{Reported, undated("a posted pfctl -st"), say.F("The timeouts are 86400 s for TCP, 60 s for UDP and 20 s for ICMP.")}
	return []Product{
		{
			Alias: "docker", Name: "Docker", Model: "keep",
			Statements: []Statement{
				{ReadInCode, undated(dockerNetwork, dockerBridge), establishedFirst()},
			},
			Quirks: []Statement{
				{ReadInCode, undated(dockerNetwork, dockerBridge), say.F("Entries are deleted when the ports of a container are bound again: by its address, and of UDP by the published port.")},
			},
		},
		{
			Alias: "ufw", Name: "ufw", Model: "keep",
			Statements: []Statement{
				{ReadInCode, undated("ufw 0.36.2 before.rules:25-31"), establishedFirst()},
			},
			Quirks: []Statement{
				{ReadInCode, undated("ufw 0.36.2 before.rules:25-31"), say.F("INVALID packets are dropped.")},
				{Documented, undated("ufw(8)"), say.F("ufw enable flushes its chains, which %q.", "may drop existing connections (eg ssh)")},
			},
		},
		{
			Alias: "firewalld", Name: "firewalld", Model: "keep",
			Statements: []Statement{
				{ReadInCode, undated(firewalldCode), establishedFirst()},
				{Documented, undated("firewalld.conf:67-81", "firewall-cmd.xml:117-137"), say.F("--reload keeps the state of flows; until it is done, only established packets are accepted.")},
			},
			Quirks: []Statement{
				{Documented, undated("firewall-cmd.xml:117-137"), say.F("--complete-reload unloads kernel modules, and %q.", "will most likely terminate active connections")},
				{ReadInCode, undated(firewalldCode, "firewalld.conf:67-81"), say.F("With an nftables flowtable, which is an option, packets of known flows do not meet the rules at all.")},
			},
		},
		{
			Alias: "openwrt", Name: "OpenWrt firewall4", Model: "keep",
			Statements: []Statement{
				{ReadInCode, undated("firewall4@b6e5157 templates/ruleset.uc:118-160"), establishedFirst()},
				{ReadInCode, undated("firewall4@b6e5157"), say.F("The repository has no call that deletes an entry.")},
			},
			Quirks: []Statement{
				{ReadInCode, undated("firewall4@b6e5157 templates/ruleset.uc:118-160"), say.F("With flow offload, packets of known flows do not meet the rules at all.")},
			},
		},
		{
			Alias: "pf", Name: "pf (OpenBSD, FreeBSD)", Model: "keep",
			Statements: []Statement{pf},
			Quirks: []Statement{
				{ReadInCode, undated(pfSense, opnSense), say.F("States can be killed by hand: pfctl -F states, or pfctl -k with a host.")},
				timeouts,
			},
		},
		{
			Alias: "pfsense", Name: "pfSense", Model: "keep",
			Statements: []Statement{pf},
			Quirks:     []Statement{{ReadInCode, undated(pfSense), schedule}, timeouts},
		},
		{
			Alias: "opnsense", Name: "OPNsense", Model: "keep",
			Statements: []Statement{pf, {Reported, undated("opnsense#3166"), say.F("A user asks why a ping goes on after its rule was removed.")}},
			Quirks:     []Statement{{ReadInCode, undated(opnSense), schedule}, timeouts},
		},
		{
			Alias: "proxmox", Name: "Proxmox VE firewall, iptables and nftables", Model: "keep",
			Statements: []Statement{
				{ReadInCode, undated("pve-firewall@6f1311f Firewall.pm:2517, 4469", "proxmox-firewall@a752659 resources/proxmox-firewall.nft:202-383"), establishedFirst()},
			},
			Quirks: []Statement{
				{ReadInCode, undated("pve-firewall@6f1311f Firewall.pm:2517, 4469"), say.F("There is an option for INVALID packets: nf_conntrack_allow_invalid.")},
			},
		},
		{
			Alias: "incus", Name: "Incus, bridge network", Model: "keep",
			Statements: []Statement{{ReadInCode, undated("incus nftables_templates.go:186, 244"), establishedFirst()}},
		},
		{
			Alias: "lxd", Name: "LXD, bridge network", Model: "keep",
			Statements: []Statement{{ReadInCode, undated("lxd@a83edf2a79 nftables_templates.go:186, 244"), establishedFirst()}},
		},
		{
			Alias: "libvirt", Name: "libvirt nwfilter", Model: "tied",
			Statements: []Statement{
				{ReadInCode, undated(libvirtDriver), say.F("Each rule becomes two: NEW,ESTABLISHED in its direction, and ESTABLISHED in the other.")},
			},
			Quirks: []Statement{
				{Documented, undated("formatnwfilter.html"), say.F("About a flow that was stopped: %q.", "idle connections … can be reactivated")},
				{Documented, undated("formatnwfilter.html"), say.F("With statematch='false' a rule is stateless.")},
				{ReadInCode, undated(libvirtDriver), say.F("A rule with an ICMP type does not check the direction of the flow.")},
			},
		},
		{
			Alias: "windows", Name: "Windows Filtering Platform", Model: "rejudge",
			Statements: []Statement{
				{Documented, undated(windowsALE), say.F("After a filter is added or removed, %q is authorized again, inbound or outbound. The reason given is that one-way UDP should end soon.", "the first packet that traverses an ALE flow")},
			},
			Quirks: []Statement{
				{Documented, undated(windowsALE), say.F("That happens in each layer. A flow that is no longer authorized is torn down.")},
			},
			Undocumented: []say.Sentence{say.F("how ICMP is treated: it was not verified")},
		},
		{
			Alias: "tailscale", Name: "Tailscale ACLs", Model: "syn",
			Statements: []Statement{
				{ReadInCode, undated(tailscaleFilter), say.F("Of TCP only a SYN is checked; every other segment is accepted, from anyone, for ever.")},
				{ReadInCode, undated(tailscaleFilter), say.F("Each echo request is checked; an echo reply is always accepted. A UDP packet is accepted while its addresses and ports are in a cache, into which each packet that was sent puts them.")},
				{Reported, undated("tailscale#859", "tailscale#2816"), say.F("A maintainer says that it %q. The wish to cut connections has been open since 2020.", "only considers SYN packets")},
			},
			Quirks: []Statement{
				{ReadInCode, undated(tailscaleFilter), say.F("The cache of UDP has 512 places and no timeout, and outlives an update of the rules.")},
			},
		},
		{
			Alias: "qubes", Name: "Qubes OS firewall", Model: "keep",
			Statements: []Statement{
				{Reported, undated("qubes-issues#1717, #2731, #4141"), say.F("A change leaves live connections alone. That will not be fixed; a tooltip says so.")},
			},
		},
		{
			Alias: "dfw", Name: "dfw (pitkley/dfw)", Model: "keep",
			Statements: []Statement{
				{Reported, undated("dfw#456"), say.F("A change leaves live flows alone.")},
			},
		},
		{
			Alias: "firewalla", Name: "Firewalla",
			NotPlayed: say.F("not documented: how it stops live flows"),
			Statements: []Statement{
				{Reported, dated("firewalla#6568", "2025"), say.F("Block rules %q.", "take effect on existing connections immediately")},
			},
		},
	}
}
