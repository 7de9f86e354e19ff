package sg

import (
	"strings"

	"lablab/packet"
	"lablab/say"
)

// EC2's quotas (VPC user guide, "Amazon VPC quotas", security groups). AWS raises the first two on
// request, but their product never exceeds the third.
const (
	quota          = 60   // rules of a group, per direction and version of IP
	groupQuota     = 5    // groups of a network interface
	interfaceQuota = 1000 // groups of an interface times rules of a group
)

// overQuota reports whether a group has more rules than EC2 allows by default.
func (l lookup) overQuota(g *Group, d packet.Direction) []Finding {
	var findings []Finding
	counts := l.counts(g, d)
	for _, family := range families {
		if n := counts[family]; n > quota {
			findings = append(findings, Finding{Group: g.ID, Reason: say.F("%d %s rules for %s; EC2 allows %d unless the quota is raised", n, d, family, quota)})
		}
	}
	return findings
}

var families = []string{"IPv4", "IPv6"}

// counts returns how many rules a group has for each version of IP, as EC2 counts them.
func (l lookup) counts(g *Group, d packet.Direction) map[string]int {
	counts := map[string]int{}
	for _, r := range g.Rules(d) {
		switch {
		case r.Peer.IsValid() && r.Peer.Addr().Is6():
			counts["IPv6"]++
		case r.Peer.IsValid():
			counts["IPv4"]++
		case r.PrefixList != "":
			if list := l.list(r.PrefixList); list != nil {
				counts[list.family()] += list.weight()
			}
		default: // a group has members of both families
			counts["IPv4"]++
			counts["IPv6"]++
		}
	}
	return counts
}

// interfacesOverQuota reports network interfaces with more groups than EC2 allows, or with a number
// of groups and rules that no quota allows.
func (l lookup) interfacesOverQuota() []Finding {
	var findings []Finding
	rules, largest := map[string]int{}, map[string]say.Sentence{} // most rules of a group in one direction for one version of IP
	for _, g := range l.Groups {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			counts := l.counts(g, d)
			for _, family := range families {
				if n := counts[family]; n > rules[g.ID] {
					rules[g.ID], largest[g.ID] = n, say.F("%d %s rules for %s", n, d, family)
				}
			}
		}
	}
	for _, i := range l.Interfaces {
		n := len(i.Groups)
		if n > groupQuota {
			findings = append(findings, Finding{Interface: i.ID, Reason: say.F("%d security groups; EC2 allows %d unless the quota is raised", n, groupQuota)})
		}
		for _, id := range i.Groups {
			if n*rules[id] > interfaceQuota {
				findings = append(findings, Finding{Interface: i.ID, Reason: say.F("%d security groups, and group %s has %s: EC2 allows no more than %d as the product", n, id, largest[id], interfaceQuota)})
				break
			}
		}
	}
	return findings
}

// weight returns as how many rules the list counts: a customer's as its maximum number of entries,
// one of AWS as its documented weight, or as one if none is documented, which is the least.
func (l PrefixList) weight() int {
	if l.Owner != "AWS" && !strings.HasPrefix(l.Name, "com.amazonaws.") {
		return max(l.MaxEntries, len(l.Entries))
	}
	// VPC user guide, "AWS-managed prefix list weight". A name has the region, or global, in third place.
	service, _, _ := strings.Cut(strings.TrimPrefix(l.Name, "com.amazonaws."), ".")
	service = strings.TrimPrefix(strings.TrimPrefix(l.Name, "com.amazonaws."+service+"."), "ipv6.")
	weight := map[string]int{
		"cloudfront.origin-facing": 55, "dynamodb": 1, "ec2-instance-connect": 2, "groundstation": 5,
		"route53-healthchecks": 25, "s3": 1, "s3express": 6, "vpc-lattice": 10,
	}[service]
	return max(weight, 1)
}

// family returns the list's version of IP, derived from its entries or its name if it was not given.
func (l PrefixList) family() string {
	switch {
	case l.AddressFamily != "":
		return l.AddressFamily
	case len(l.Entries) > 0 && l.Entries[0].Addr().Is6(), strings.Contains(l.Name, ".ipv6."):
		return "IPv6"
	}
	return "IPv4"
}

// RuleCounts returns how many rules of one direction count against the quota of a group, for IPv4 and
// for IPv6.
func (a *Account) RuleCounts(g *Group, d packet.Direction) map[string]int {
	return lookup{Account: a}.counts(g, d)
}
