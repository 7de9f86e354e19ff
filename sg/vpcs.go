package sg

import (
	"cmp"
	"maps"
	"slices"

	"lablab/packet"
	"lablab/say"
)

// vpcs is what was read of how groups reach each other across VPCs.
type vpcs struct {
	stale        map[staleRule]bool               // what EC2 itself lists as stale
	peerings     map[string]string                // the status of each peering connection
	gateways     map[string]link                  // transit gateways
	attachments  map[string]map[string]attachment // by VPC and transit gateway
	associations map[association]string           // the state of each association of a group with a further VPC
}

// A link is a transit gateway or an attachment to one.
type link struct{ state, references string }

type attachment struct {
	link
	id string
}

type association struct{ group, vpc string }

func (v vpcs) clone() vpcs {
	copied := vpcs{map[staleRule]bool{}, map[string]string{}, map[string]link{}, map[string]map[string]attachment{}, map[association]string{}}
	maps.Copy(copied.stale, v.stale)
	maps.Copy(copied.peerings, v.peerings)
	maps.Copy(copied.gateways, v.gateways)
	maps.Copy(copied.associations, v.associations)
	for vpc, attachments := range v.attachments {
		copied.attachments[vpc] = maps.Clone(attachments)
	}
	return copied
}

// unreachable returns why the reference of a rule does not reach its group, or nothing. It is certain
// if EC2 is in that state for good, and not if the state is about to change.
func (l lookup) unreachable(r GroupRule) (reason say.Sentence, certain bool) {
	ref := r.Reference
	for _, status := range []string{l.vpcs.peerings[ref.Peering], ref.Status} {
		if status != "" && status != "active" {
			return say.F("the rule is stale: peering connection %s is %s", ref.Peering, status), true
		}
	}
	if l.vpcs.stale[staleRule{r.Group, r.Direction, ref.GroupID, ref.Peering}] {
		return say.F("EC2 lists the rule as stale: group %s cannot be reached any more", r.PeerText()), true
	}
	if ref.Peering != "" || len(l.vpcs.associations)+len(l.vpcs.gateways)+len(l.vpcs.attachments) == 0 {
		return say.Sentence{}, false
	}
	own, theirs := l.vpcOf(r.Group, ""), l.vpcOf(l.referred(r), ref.VPC)
	if own == "" || theirs == "" || own == theirs {
		return say.Sentence{}, false
	}
	reason, certain, reached := l.vpcs.associated(association{l.referred(r), own}, association{r.Group, theirs})
	if reached {
		return say.Sentence{}, false
	}
	over, reached := l.vpcs.overGateway(own, theirs, r.Direction)
	switch {
	case reached:
		return say.Sentence{}, false
	case !over.Empty():
		return over, true
	}
	return reason, certain
}

// vpcOf returns the VPC that a group belongs to, if it was read.
func (l lookup) vpcOf(group, given string) string {
	if given != "" {
		return given
	}
	if g := l.group(group); g != nil {
		return g.VPC
	}
	return ""
}

// associated reports whether one of the associations lets two groups meet in one VPC. If neither
// does, but one of them was read, it returns its state as the reason.
func (v vpcs) associated(either ...association) (reason say.Sentence, certain, reached bool) {
	for _, pair := range either {
		switch state := v.associations[pair]; state {
		case "":
		case "associated", "disassociation-failed":
			return say.Sentence{}, false, true
		case "disassociated", "association-failed":
			reason, certain = say.F("the rule is stale: group %s is not associated with VPC %s any more (%s)", pair.group, pair.vpc, state), true
		default:
			reason, certain = say.F("whether the rule is in force is unknown: group %s is %s with VPC %s", pair.group, state, pair.vpc), false
		}
	}
	return reason, certain, false
}

// overGateway reports whether a transit gateway carries references from one VPC to groups of
// another. If none does, it returns the reason, unless too little was read.
func (v vpcs) overGateway(own, theirs string, d packet.Direction) (reason say.Sentence, reached bool) {
	var first string // of the gateways that do not
	for gateway, from := range v.attachments[own] {
		to, both := v.attachments[theirs][gateway]
		if !both {
			continue
		}
		broken := cmp.Or(
			v.gateways[gateway].broken(say.F("transit gateway %s", gateway)),
			from.broken(say.F("transit gateway attachment %s", from.id)),
			to.broken(say.F("transit gateway attachment %s", to.id)))
		switch {
		case broken != nil:
		case d == packet.Egress: // networking blog, "Introducing security group referencing for AWS Transit Gateway"
			broken = &gap{say.F("transit gateway %s carries references in inbound rules only", gateway)}
		default:
			return say.Sentence{}, true
		}
		if first == "" || gateway < first {
			first, reason = gateway, broken.reason
		}
	}
	return reason, false
}

// A gap is why a link carries no references.
type gap struct{ reason say.Sentence }

// broken returns why the link carries no references, or nil. What was not read is taken for good.
func (l link) broken(name say.Sentence) *gap {
	switch {
	case !slices.Contains([]string{"", "available", "modifying"}, l.state):
		return &gap{say.F("the rule is stale: %s is %s", name, l.state)}
	case l.references == "disable":
		return &gap{say.F("the rule is stale: %s does not carry references to security groups", name)}
	}
	return nil
}

// peerings reads describe-vpc-peering-connections.
func (r *reader) peerings(list []*node) error {
	return r.eachByID(list, "VpcPeeringConnections", "VpcPeeringConnectionId", func(from *node, id string) error {
		status, err := r.string(from.member("Status"), "Code")
		r.account.vpcs.peerings[id] = status
		return cmp.Or(err, r.once(from, say.F("peering connection %s", id), status))
	})
}

// transitGateways reads describe-transit-gateways.
func (r *reader) transitGateways(list []*node) error {
	return r.eachByID(list, "TransitGateways", "TransitGatewayId", func(from *node, id string) (err error) {
		r.account.vpcs.gateways[id], err = r.link(from)
		return cmp.Or(err, r.once(from, say.F("transit gateway %s", id), r.account.vpcs.gateways[id]))
	})
}

// transitGatewayAttachments reads describe-transit-gateway-vpc-attachments.
func (r *reader) transitGatewayAttachments(list []*node) error {
	return r.eachByID(list, "TransitGatewayVpcAttachments", "TransitGatewayAttachmentId", func(from *node, id string) error {
		is, err := r.link(from)
		gateway, errGateway := r.id(from, "TransitGatewayId")
		vpc, errVPC := r.id(from, "VpcId")
		if err := cmp.Or(err, errGateway, errVPC, r.once(from, say.F("transit gateway attachment %s", id), []any{is, gateway, vpc})); err != nil {
			return err
		}
		all := r.account.vpcs.attachments
		if all[vpc] == nil {
			all[vpc] = map[string]attachment{}
		}
		// A VPC that was detached and attached again has both attachments for a while.
		if known, there := all[vpc][gateway]; !there || known.id == id || known.broken(say.Sentence{}) != nil {
			all[vpc][gateway] = attachment{is, id}
		}
		return nil
	})
}

func (r *reader) link(from *node) (link, error) {
	state, err := r.string(from, "State")
	references, errReferences := r.string(from.member("Options"), "SecurityGroupReferencingSupport")
	return link{state, references}, cmp.Or(err, errReferences)
}

// associations reads describe-security-group-vpc-associations: the further VPCs in which a group can
// be used. What is not associated is noted.
func (r *reader) associations(list []*node) error {
	return r.eachByID(list, "SecurityGroupVpcAssociations", "GroupId", func(from *node, group string) error {
		vpc, err := r.id(from, "VpcId")
		state, errState := r.string(from, "State")
		if err := cmp.Or(err, errState, r.once(from, say.F("the association of group %s with VPC %s", group, vpc), state)); err != nil {
			return err
		}
		r.account.vpcs.associations[association{group, vpc}] = state
		if state != "associated" {
			r.note(from, "group %s is not associated with VPC %s: %q", group, vpc, state)
		}
		return nil
	})
}

// eachByID reads the objects of a list, each with its id.
func (r *reader) eachByID(list []*node, name, idName string, read func(*node, string) error) error {
	for _, from := range list {
		if err := r.object(from, name); err != nil {
			return err
		}
		id, err := r.id(from, idName)
		if err != nil {
			return err
		}
		if err := read(from, id); err != nil {
			return err
		}
	}
	return nil
}
