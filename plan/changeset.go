package plan

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"lablab/say"
)

// A changeSet is what `aws cloudformation describe-change-set` prints.
type changeSet struct {
	StackName     string
	ChangeSetName string
	NextToken     string
	Changes       []struct{ ResourceChange *stackChange }
}

type stackChange struct {
	Action             string
	PolicyAction       string
	LogicalResourceID  string `json:"LogicalResourceId"`
	PhysicalResourceID string `json:"PhysicalResourceId"`
	ResourceType       string
	Replacement        string
	ChangeSetID        string `json:"ChangeSetId"`
	BeforeContext      string
	AfterContext       string
	Details            []stackDetail
}

type stackDetail struct {
	Target        struct{ Name, Path string }
	CausingEntity string
}

// knownAfterApply stands in a change set for a value that is not known yet.
const knownAfterApply = "{{changeSet:KNOWN_AFTER_APPLY}}"

// stackTypes maps types of CloudFormation to those of Terraform's provider. Properties get the names of
// attributes by their case; those that differ are listed.
func stackTypes() map[string]struct {
	kind   string
	rename map[string]string
} {
	type row = struct {
		kind   string
		rename map[string]string
	}
	return map[string]row{
		"AWS::EC2::SecurityGroup":                   {"aws_security_group", map[string]string{"group_name": "name", "group_description": "description", "security_group_ingress": "ingress", "security_group_egress": "egress"}},
		"AWS::EC2::SecurityGroupIngress":            {"aws_security_group_rule", map[string]string{"group_id": "security_group_id"}},
		"AWS::EC2::SecurityGroupEgress":             {"aws_security_group_rule", map[string]string{"group_id": "security_group_id"}},
		"AWS::EC2::PrefixList":                      {"aws_ec2_managed_prefix_list", map[string]string{"prefix_list_name": "name", "entries": "entry"}},
		"AWS::EC2::NetworkAcl":                      {"aws_network_acl", nil},
		"AWS::EC2::NetworkAclEntry":                 {"aws_network_acl_rule", nil},
		"AWS::EC2::SubnetNetworkAclAssociation":     {"aws_network_acl_association", nil},
		"AWS::EC2::Instance":                        {"aws_instance", map[string]string{"security_group_ids": "vpc_security_group_ids", "private_ip_address": "private_ip"}},
		"AWS::EC2::NetworkInterface":                {"aws_network_interface", map[string]string{"group_set": "security_groups", "private_ip_address": "private_ip"}},
		"AWS::EC2::LaunchTemplate":                  {"aws_launch_template", nil},
		"AWS::EC2::VPCEndpoint":                     {"aws_vpc_endpoint", nil},
		"AWS::ElasticLoadBalancingV2::LoadBalancer": {"aws_lb", nil},
		"AWS::ElasticLoadBalancing::LoadBalancer":   {"aws_elb", nil},
		"AWS::RDS::DBInstance":                      {"aws_db_instance", map[string]string{"vpc_security_groups": "vpc_security_group_ids"}},
		"AWS::RDS::DBCluster":                       {"aws_rds_cluster", nil},
		"AWS::EFS::MountTarget":                     {"aws_efs_mount_target", nil},
		"AWS::ElastiCache::ReplicationGroup":        {"aws_elasticache_replication_group", nil},
		"AWS::Lambda::Function":                     {"aws_lambda_function", nil},
	}
}

// A stackReader turns a change set into resources and their order.
type stackReader struct{ *builder }

func (s source) changeSet(o Options) (*Plan, error) {
	var from changeSet
	if err := s.decode(s.text, 0, &from); err != nil {
		return nil, err
	}
	p := &Plan{File: s.file, Kind: ChangeSet, Tool: "CloudFormation", failure: stops}
	r := &stackReader{newBuilder(p, o, cloudFormation())}
	r.refer = r.reference
	r.graph.width = 64 // CloudFormation does not document how many
	if from.NextToken != "" {
		p.Notes = append(p.Notes, say.F("this is incomplete: the change set has more changes (NextToken)"))
	}
	for _, c := range from.Changes {
		if c.ResourceChange == nil {
			continue
		}
		res, err := c.ResourceChange.resource()
		if err != nil {
			return nil, s.invalid(0, say.F("add --include-property-values to describe-change-set"), "%s: %s", c.ResourceChange.LogicalResourceID, err)
		}
		r.add(res)
		if c.ResourceChange.Replacement == "Conditional" && slices.Equal(res.actions, []action{updates}) {
			p.Notes = append(p.Notes, say.F("whether %s is replaced is decided during the update", res.address))
		}
	}
	if err := r.build(); err != nil {
		return nil, err
	}
	r.connect()
	p.settle(&r.graph)
	return p, nil
}

// resource returns a change in the form of the builder.
func (c stackChange) resource() (*resource, error) {
	r := &resource{address: c.LogicalResourceID, kind: c.ResourceType, scope: c}
	row, known := stackTypes()[c.ResourceType]
	if known {
		r.kind = row.kind
	}
	var err error
	if r.before, err = c.side(c.BeforeContext, row.rename); err != nil {
		return nil, err
	}
	if r.after, err = c.side(c.AfterContext, row.rename); err != nil {
		return nil, err
	}
	isDelete, isCreate := c.Action == "Remove", c.Action == "Add"
	if known && (!isDelete && r.after == nil || !isCreate && r.before == nil) {
		return nil, say.New("the change set does not have its properties")
	}
	replaced := c.Replacement == "True" || c.Replacement == "Conditional" && isRule(r.kind)
	switch {
	case isCreate:
		r.actions, r.before = []action{creates}, nil
	case isDelete && c.PolicyAction == "Retain":
		r.after = nil
	case isDelete:
		r.actions, r.after = []action{deletes}, nil
	case c.Action == "Modify" && replaced && c.PolicyAction == "ReplaceAndRetain":
		r.actions = []action{creates}
	case c.Action == "Modify" && replaced:
		r.actions = []action{creates, deletes}
	case c.Action == "Modify":
		r.actions = []action{updates}
	case c.Action == "Dynamic":
		r.strange = say.F("CloudFormation decides about it during the update")
	}
	if c.ChangeSetID != "" {
		r.strange = say.F("it is a nested stack: its change set is %s", c.ChangeSetID)
	}
	return r, nil
}

// side reads the properties before or after the change, under the names of Terraform's attributes.
func (c stackChange) side(context string, rename map[string]string) (values, error) {
	if context == "" {
		return nil, nil
	}
	var whole struct{ Properties map[string]any }
	d := json.NewDecoder(strings.NewReader(context))
	d.UseNumber()
	if err := d.Decode(&whole); err != nil {
		return nil, say.New("its context is not valid JSON")
	}
	v := object(snaked(whole.Properties, knownAfterApply))
	if v == nil {
		v = values{}
	}
	for from, to := range rename {
		if value, given := v[from]; given {
			v[to] = value
			delete(v, from)
		}
	}
	if c.PhysicalResourceID != "" {
		v["id"] = c.PhysicalResourceID
	}
	for _, d := range []string{"ingress", "egress"} {
		for _, block := range v.blocks(d) {
			block.sources()
		}
	}
	switch c.ResourceType {
	case "AWS::EC2::SecurityGroupIngress":
		v["type"] = "ingress"
		v.sources()
	case "AWS::EC2::SecurityGroupEgress":
		v["type"] = "egress"
		v.sources()
	case "AWS::EC2::NetworkAclEntry":
		for _, ports := range v.blocks("port_range") {
			v["from_port"], v["to_port"] = ports["from"], ports["to"]
		}
		for _, icmp := range v.blocks("icmp") {
			v["icmp_type"], v["icmp_code"] = icmp["type"], icmp["code"]
		}
	}
	return v, nil
}

// sources gives the sources of a rule the names that they have in Terraform.
func (v values) sources() {
	v["protocol"] = v["ip_protocol"]
	take := func(to string, names ...string) {
		for _, name := range names {
			if value, given := v[name]; given && value != nil {
				if to != "source_security_group_id" {
					value = []any{value}
				}
				v[to] = value
			}
		}
	}
	take("cidr_blocks", "cidr_ip")
	take("ipv6_cidr_blocks", "cidr_ipv6")
	take("prefix_list_ids", "source_prefix_list_id", "destination_prefix_list_id")
	take("security_groups", "source_security_group_id", "destination_security_group_id")
	take("security_group_names", "source_security_group_name")
	take("source_security_group_id", "destination_security_group_id")
}

// snaked returns a value with the names of its members as Terraform writes names, and unknown instead
// of what a tool writes for it.
func snaked(value any, unknownText string) any {
	switch value := value.(type) {
	case map[string]any:
		object := map[string]any{}
		for name, inner := range value {
			object[snake(name)] = snaked(inner, unknownText)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, inner := range value {
			list[i] = snaked(inner, unknownText)
		}
		return list
	case string:
		if value == unknownText {
			return unknown{}
		}
	}
	return value
}

// snake returns a name such as VPCSecurityGroups or cidrBlocks with underscores: vpc_security_groups.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, c := range runes {
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// reference resolves an unknown property: the change set names what causes a change.
func (r *stackReader) reference(res *resource, attribute string) reference {
	c := res.scope.(stackChange)
	wanted := kindsOf(attribute)
	var found []*resource
	for _, d := range c.Details {
		entity, _, _ := strings.Cut(d.CausingEntity, ".")
		to := r.byAddress[entity]
		if to == nil || !slices.Contains(wanted, to.kind) || slices.Contains(found, to) || !concerns(d, attribute) {
			continue
		}
		found = append(found, to)
	}
	how := say.Sentence{}
	if len(found) == 0 {
		for _, to := range r.resources {
			if slices.Contains(wanted, to.kind) && slices.Contains(to.actions, creates) {
				found = append(found, to)
			}
		}
		how = say.F("the only such resource that the change set creates")
	}
	list := strings.HasSuffix(attribute, "s") && how.Empty()
	if len(found) == 0 || len(found) > 1 && !list {
		return reference{reason: say.F("the change set does not say what it refers to"), candidates: addresses(found)}
	}
	ref := reference{how: how, from: found}
	for _, to := range found {
		ref.ids = append(ref.ids, r.id(to))
	}
	return ref
}

// concerns reports whether a detail is about an attribute.
func concerns(d stackDetail, attribute string) bool {
	name := snake(d.Target.Name)
	top, _, _ := strings.Cut(attribute, ".")
	return d.Target.Name == "" || strings.HasSuffix(name, top) || strings.HasSuffix(top, name) || top == "security_groups" || strings.HasPrefix(top, "vpc_security_group") ||
		top == "source_security_group_id" && strings.HasSuffix(name, "security_group_id")
}

// connect orders the nodes: what is created or updated waits for what it refers to; what is deleted or
// was replaced goes at the end, in the clean-up ("Update behaviors of stack resources", CloudFormation
// user guide).
func (r *stackReader) connect() {
	barrier := r.graph.add(node{})
	for _, res := range r.resources {
		create, created := res.creator()
		destroy, destroyed := res.nodes[deletes]
		if created {
			r.graph.connect(barrier, create)
			for _, to := range r.needs[res] {
				if n, found := to.creator(); found {
					r.graph.connect(create, n)
				}
			}
			for _, d := range res.scope.(stackChange).Details {
				entity, _, _ := strings.Cut(d.CausingEntity, ".")
				if to := r.byAddress[entity]; to != nil {
					if n, found := to.creator(); found {
						r.graph.connect(create, n)
					}
				}
			}
		}
		if destroyed {
			r.graph.connect(destroy, barrier)
			mentioned := texts(map[string]any(res.before))
			for _, to := range r.resources {
				if n, ends := to.nodes[deletes]; ends && to != res && mentioned[to.before.text("id")] {
					r.graph.connect(n, destroy)
				}
			}
		}
	}
}

// texts returns all texts in a value.
func texts(value any) map[string]bool {
	found := map[string]bool{}
	switch value := value.(type) {
	case map[string]any:
		for _, inner := range value {
			maps.Copy(found, texts(inner))
		}
	case []any:
		for _, inner := range value {
			maps.Copy(found, texts(inner))
		}
	case string:
		if value != "" {
			found[value] = true
		}
	}
	return found
}
