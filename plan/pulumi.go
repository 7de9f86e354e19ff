package plan

import (
	"slices"
	"strings"

	"lablab/say"
)

// A preview is what `pulumi preview --json` prints (PreviewDigest in pulumi's pkg/display/json.go).
type preview struct {
	Steps []pulumiStep `json:"steps"`
}

type pulumiStep struct {
	Op  string       `json:"op"`
	URN string       `json:"urn"`
	Old *pulumiState `json:"oldState"`
	New *pulumiState `json:"newState"`
}

type pulumiState struct {
	Type                 string              `json:"type"`
	ID                   string              `json:"id"`
	Inputs               map[string]any      `json:"inputs"`
	Outputs              map[string]any      `json:"outputs"`
	Dependencies         []string            `json:"dependencies"`
	PropertyDependencies map[string][]string `json:"propertyDependencies"`
}

// pulumiUnknown stands in a preview for a value that is not known yet (UnknownStringValue in pulumi's
// sdk/go/common/resource/plugin).
const pulumiUnknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

// pulumiTypes maps types of Pulumi's AWS provider, without their first part, to those of Terraform's
// provider, which it is built from.
func pulumiTypes() map[string]string {
	return map[string]string{
		"ec2/securityGroup:SecurityGroup":                                                     "aws_security_group",
		"ec2/defaultSecurityGroup:DefaultSecurityGroup":                                       "aws_default_security_group",
		"ec2/securityGroupRule:SecurityGroupRule":                                             "aws_security_group_rule",
		"vpc/securityGroupIngressRule:SecurityGroupIngressRule":                               "aws_vpc_security_group_ingress_rule",
		"vpc/securityGroupEgressRule:SecurityGroupEgressRule":                                 "aws_vpc_security_group_egress_rule",
		"vpc/securityGroupRulesExclusive:SecurityGroupRulesExclusive":                         "aws_vpc_security_group_rules_exclusive",
		"ec2/managedPrefixList:ManagedPrefixList":                                             "aws_ec2_managed_prefix_list",
		"ec2/managedPrefixListEntry:ManagedPrefixListEntry":                                   "aws_ec2_managed_prefix_list_entry",
		"ec2/networkAcl:NetworkAcl":                                                           "aws_network_acl",
		"ec2/defaultNetworkAcl:DefaultNetworkAcl":                                             "aws_default_network_acl",
		"ec2/networkAclRule:NetworkAclRule":                                                   "aws_network_acl_rule",
		"ec2/networkAclAssociation:NetworkAclAssociation":                                     "aws_network_acl_association",
		"ec2/instance:Instance":                                                               "aws_instance",
		"ec2/networkInterface:NetworkInterface":                                               "aws_network_interface",
		"ec2/networkInterfaceSecurityGroupAttachment:NetworkInterfaceSecurityGroupAttachment": "aws_network_interface_sg_attachment",
		"ec2/launchTemplate:LaunchTemplate":                                                   "aws_launch_template",
		"ec2/vpcEndpoint:VpcEndpoint":                                                         "aws_vpc_endpoint",
		"lb/loadBalancer:LoadBalancer":                                                        "aws_lb",
		"alb/loadBalancer:LoadBalancer":                                                       "aws_alb",
		"elb/loadBalancer:LoadBalancer":                                                       "aws_elb",
		"rds/instance:Instance":                                                               "aws_db_instance",
		"rds/cluster:Cluster":                                                                 "aws_rds_cluster",
		"efs/mountTarget:MountTarget":                                                         "aws_efs_mount_target",
		"lambda/function:Function":                                                            "aws_lambda_function",
		"ecs/service:Service":                                                                 "aws_ecs_service",
		"eks/cluster:Cluster":                                                                 "aws_eks_cluster",
		"elasticache/cluster:Cluster":                                                         "aws_elasticache_cluster",
		"elasticache/replicationGroup:ReplicationGroup":                                       "aws_elasticache_replication_group",
	}
}

// A pulumiScope is what Pulumi says about the dependencies of a resource.
type pulumiScope struct {
	urn          string
	dependencies []string // of the new state
	old          []string
	properties   map[string][]string // by attribute
	inputs       map[string]any      // of the program
}

// A pulumiReader turns a preview into resources and their order.
type pulumiReader struct {
	*builder
	byURN map[string]*resource
}

func (s source) pulumi(o Options) (*Plan, error) {
	var from preview
	if err := s.decode(s.text, 0, &from); err != nil {
		return nil, err
	}
	p := &Plan{File: s.file, Kind: PulumiPreview, Tool: "Pulumi", failure: stops}
	r := &pulumiReader{builder: newBuilder(p, o, provider()), byURN: map[string]*resource{}}
	r.refer, r.inline = r.reference, r.computed
	r.graph.width = 16 // the least that Pulumi does at once (--parallel)
	for _, step := range from.Steps {
		r.take(step)
	}
	if err := r.build(); err != nil {
		return nil, err
	}
	r.connect()
	p.settle(&r.graph)
	return p, nil
}

// take adds a step to its resource: a replacement has several.
func (r *pulumiReader) take(step pulumiStep) {
	res := r.byURN[step.URN]
	if res == nil {
		res = &resource{address: pulumiAddress(step.URN)}
		if r.byAddress[res.address] != nil {
			res.address = step.URN
		}
		res.scope = pulumiScope{urn: step.URN, properties: map[string][]string{}}
		r.byURN[step.URN] = res
		r.add(res)
	}
	at := res.scope.(pulumiScope)
	if step.Old != nil {
		res.before = values{}.with(step.Old.Inputs, step.Old.Outputs, step.Old.ID)
		at.old = step.Old.all()
		res.kind = pulumiKind(step.Old.Type)
	}
	if step.New != nil {
		res.after = values{}.with(step.New.Outputs, step.New.Inputs, step.New.ID)
		at.dependencies, at.inputs = step.New.all(), step.New.Inputs
		for name, urns := range step.New.PropertyDependencies {
			at.properties[snake(name)] = urns
		}
		res.kind = pulumiKind(step.New.Type)
	}
	on := map[string]action{
		"create": creates, "create-replacement": creates, "update": updates, "delete": deletes, "delete-replaced": deletes,
	}[step.Op]
	switch {
	case on != "" && !slices.Contains(res.actions, on):
		res.actions = append(res.actions, on)
	case step.Op == "same" || step.Op == "refresh" || step.Op == "read":
		if res.after == nil {
			res.after = res.before
		}
	}
	if step.Op == "update" && res.after != nil && res.before != nil {
		res.after["id"] = res.before["id"]
	}
	if step.Op == "delete" {
		res.after = nil
	}
	res.scope, res.report.Type = at, res.kind
}

// pulumiAddress returns type and name of a URN, which people know it by.
func pulumiAddress(urn string) string {
	parts := strings.Split(urn, "::")
	if len(parts) < 4 {
		return urn
	}
	types := strings.Split(parts[2], "$")
	return types[len(types)-1] + "::" + strings.Join(parts[3:], "::")
}

func pulumiKind(name string) string {
	_, rest, _ := strings.Cut(name, ":")
	if kind, known := pulumiTypes()[rest]; known && strings.HasPrefix(name, "aws:") {
		return kind
	}
	return name
}

// with adds the properties of a state under Terraform's names: first those that count less.
func (v values) with(less, more map[string]any, id string) values {
	for _, from := range []map[string]any{less, more} {
		for name, value := range from {
			if !strings.HasPrefix(name, "__") {
				v[snake(name)] = snaked(value, pulumiUnknown)
			}
		}
	}
	if list, given := v["entries"]; given {
		v["entry"] = list
	}
	if id != "" {
		v["id"] = id
	}
	return v
}

// all returns the URNs that a state depends on.
func (s pulumiState) all() []string {
	all := slices.Clone(s.Dependencies)
	for _, urns := range s.PropertyDependencies {
		all = append(all, urns...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// reference resolves an unknown property by its dependencies.
func (r *pulumiReader) reference(res *resource, attribute string) reference {
	at := res.scope.(pulumiScope)
	top, _, nested := strings.Cut(attribute, ".")
	wanted := kindsOf(attribute)
	var found []*resource
	for _, urn := range at.properties[top] {
		if to := r.byURN[urn]; to != nil && slices.Contains(wanted, to.kind) && !slices.Contains(found, to) {
			found = append(found, to)
		}
	}
	if len(found) == 0 && len(at.properties[top]) == 0 && isRule(res.kind) && attribute != "security_group_id" {
		return reference{} // the provider fills it in: it has no effect
	}
	if len(found) != 1 && (nested || !strings.HasSuffix(attribute, "s") || len(found) == 0) {
		return reference{reason: say.F("the preview does not say what it refers to"), candidates: addresses(found)}
	}
	ref := reference{from: found}
	for _, to := range found {
		ref.ids = append(ref.ids, r.id(to))
	}
	return ref
}

// computed returns the rules of a group if the program does not give any: then they are what they were.
func (r *pulumiReader) computed(res *resource, attribute string) (blocks []values, known bool) {
	if _, given := res.scope.(pulumiScope).inputs[attribute]; given {
		return nil, false
	}
	if res.anew(after) {
		return nil, true
	}
	return res.before.blocks(attribute), true
}

// connect orders the nodes: what depends on something waits for it. Deletions come after everything
// else, except that of a resource that is deleted before it is replaced.
func (r *pulumiReader) connect() {
	barrier := r.graph.add(node{})
	for _, res := range r.resources {
		at := res.scope.(pulumiScope)
		create, created := res.creator()
		destroy, destroyed := res.nodes[deletes]
		first := destroyed && created && len(res.actions) > 1 && res.actions[0] == deletes
		if created {
			r.graph.connect(barrier, create)
		}
		switch {
		case first:
			r.graph.connect(create, destroy)
		case destroyed:
			r.graph.connect(destroy, barrier)
		}
		for _, urn := range at.dependencies {
			to := r.byURN[urn]
			if to == nil {
				continue
			}
			if n, found := to.creator(); found && created {
				r.graph.connect(create, n)
				if first {
					r.graph.connect(destroy, n)
				}
			}
		}
		for _, urn := range at.old {
			to := r.byURN[urn]
			if to == nil {
				continue
			}
			if n, ends := to.nodes[deletes]; ends && destroyed {
				r.graph.connect(n, destroy)
			}
		}
	}
}
