package sg

import "lablab/packet"

// A staleRule is a reference that EC2 lists as stale: the group with the rule, its direction, the
// group that it refers to, and the peering connection to that.
type staleRule struct {
	of        string
	direction packet.Direction
	to        string
	peering   string
}

// staleGroups reads describe-stale-security-groups: the references that no longer reach a group.
func (r *reader) staleGroups(list []*node) error {
	return r.eachByID(list, "StaleSecurityGroupSet", "GroupId", func(from *node, of string) error {
		for name, d := range map[string]packet.Direction{"StaleIpPermissions": packet.Ingress, "StaleIpPermissionsEgress": packet.Egress} {
			for _, permission := range from.member(name).list() {
				for _, at := range permission.member("UserIdGroupPairs").list() {
					var rule Rule
					if err := r.pair(at, &rule); err != nil {
						return err
					}
					r.account.vpcs.stale[staleRule{of, d, rule.Reference.GroupID, rule.Reference.Peering}] = true
				}
			}
		}
		return nil
	})
}
