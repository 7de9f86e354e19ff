package sg

import "lablab/say"

// A staleRule is a reference that EC2 lists as stale: a group's id and the peering connection to it.
type staleRule struct{ group, peering string }

func (r Reference) staleRule() staleRule { return staleRule{r.GroupID, r.Peering} }

// whyStale returns why a reference no longer reaches its group, or nothing.
func (a *Account) whyStale(ref Reference) say.Sentence {
	switch {
	case a.stale[ref.staleRule()]:
		return say.F("EC2 lists the rule as stale: group %s cannot be reached any more", Rule{Reference: ref}.PeerText())
	case ref.Status != "" && ref.Status != "active":
		return say.F("the rule is stale: peering connection %s is %s", ref.Peering, ref.Status)
	}
	return say.Sentence{}
}

// staleGroups reads describe-stale-security-groups: the references that no longer reach a group.
func (r *reader) staleGroups(list []*node) error {
	stale := map[staleRule]bool{}
	for known := range r.account.stale {
		stale[known] = true
	}
	for _, from := range list {
		if err := r.object(from, "StaleSecurityGroupSet"); err != nil {
			return err
		}
		for _, name := range []string{"StaleIpPermissions", "StaleIpPermissionsEgress"} {
			for _, permission := range from.member(name).list() {
				for _, at := range permission.member("UserIdGroupPairs").list() {
					var rule Rule
					if err := r.pair(at, &rule); err != nil {
						return err
					}
					stale[rule.Reference.staleRule()] = true
				}
			}
		}
	}
	r.account.stale = stale
	return nil
}

// associations reads describe-security-group-vpc-associations: the further VPCs in which a group can
// be used. What is not associated is noted.
func (r *reader) associations(list []*node) error {
	for _, from := range list {
		if err := r.object(from, "SecurityGroupVpcAssociations"); err != nil {
			return err
		}
		group, err := r.id(from, "GroupId")
		if err != nil {
			return err
		}
		vpc, err := r.id(from, "VpcId")
		if err != nil {
			return err
		}
		state, err := r.string(from, "State")
		if err != nil {
			return err
		}
		if state != "associated" {
			r.note(from, "group %s is not associated with VPC %s: %q", group, vpc, state)
		}
	}
	return nil
}
