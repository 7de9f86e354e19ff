package plan

// An action is what a tool does to a resource.
type action string

const (
	creates action = "create"
	updates action = "update"
	deletes action = "delete"
	keeps   action = "no-op"
)

// A recipe is the calls that a tool makes for an action on a resource of some type, in order. The
// words are explained where they are implemented, in steps.
type recipe struct {
	kind   string
	on     action
	calls  []string
	lock   string // the attribute whose value is locked meanwhile
	source string
}

// provider returns what the AWS provider for Terraform does, in the order of its code. Sources are
// files in internal/service/ec2 of hashicorp/terraform-provider-aws, at a commit. After creating a
// group, the provider revokes ::/0 as well, which has an effect only in a VPC with IPv6: left out.
func provider() []recipe {
	const (
		group     = "vpc_security_group.go@0160692"
		oldRule   = "vpc_security_group_rule.go@0d90774"
		newRule   = "vpc_security_group_ingress_rule.go (SDK v2)"
		defaults  = "vpc_default_security_group.go@01f4311"
		exclusive = "vpc_security_group_rules_exclusive.go@140c8c6"
		prefixes  = "vpc_managed_prefix_list.go@007fe43"
		listEntry = "vpc_managed_prefix_list_entry.go@0160692"
		acl       = "vpc_network_acl.go (SDK v2)"
		aclRule   = "vpc_network_acl_rule.go@07e0d0b"
		join      = "vpc_network_interface_sg_attachment.go@01c0800"
	)
	inline := []string{"revoke ingress", "authorize ingress", "revoke egress", "authorize egress"}
	entries := []string{"delete ingress entries", "create ingress entries", "delete egress entries", "create egress entries"}
	recipes := []recipe{
		{"aws_security_group", creates, append([]string{"create group", "revoke default egress"}, inline...), "", group + " resourceSecurityGroupCreate"},
		{"aws_security_group", updates, inline, "", group + " updateSecurityGroupRules"},
		{"aws_security_group", deletes, []string{"revoke all if asked", "delete group"}, "", group + " resourceSecurityGroupDelete"},
		{"aws_default_security_group", creates, []string{"revoke all", "authorize ingress", "authorize egress"}, "", defaults + " resourceDefaultSecurityGroupCreate"},
		{"aws_default_security_group", updates, inline, "", defaults},
		{"aws_default_security_group", deletes, nil, "", defaults},
		{"aws_security_group_rule", creates, []string{"authorize rule"}, "security_group_id", oldRule + " resourceSecurityGroupRuleCreate"},
		{"aws_security_group_rule", updates, []string{"describe rule"}, "security_group_id", oldRule + " resourceSecurityGroupRuleUpdate"},
		{"aws_security_group_rule", deletes, []string{"revoke rule"}, "security_group_id", oldRule + " resourceSecurityGroupRuleDelete"},
		{"aws_vpc_security_group_rules_exclusive", creates, []string{"revoke unlisted"}, "", exclusive + " syncRules"},
		{"aws_vpc_security_group_rules_exclusive", updates, []string{"revoke unlisted"}, "", exclusive + " syncRules"},
		{"aws_vpc_security_group_rules_exclusive", deletes, nil, "", exclusive},
		{"aws_ec2_managed_prefix_list", creates, []string{"create list"}, "", prefixes},
		{"aws_ec2_managed_prefix_list", updates, []string{"remove redescribed entries", "change entries"}, "", prefixes + " resourceManagedPrefixListUpdate"},
		{"aws_ec2_managed_prefix_list", deletes, []string{"delete list"}, "", prefixes},
		{"aws_ec2_managed_prefix_list_entry", creates, []string{"add entry"}, "prefix_list_id", listEntry},
		{"aws_ec2_managed_prefix_list_entry", deletes, []string{"remove entry"}, "prefix_list_id", listEntry},
		{"aws_network_acl", creates, append([]string{"create acl"}, append(entries, "associate subnets")...), "", acl},
		{"aws_network_acl", updates, append(entries[:4:4], "associate subnets"), "", acl + " updateNetworkACLEntries"},
		{"aws_network_acl", deletes, []string{"release subnets", "delete acl"}, "", acl},
		{"aws_default_network_acl", creates, append(entries[:4:4], "associate subnets"), "", acl},
		{"aws_default_network_acl", updates, append(entries[:4:4], "associate subnets"), "", acl},
		{"aws_default_network_acl", deletes, nil, "", acl},
		{"aws_network_acl_rule", creates, []string{"create entry"}, "", aclRule},
		{"aws_network_acl_rule", deletes, []string{"delete entry"}, "", aclRule},
		{"aws_network_acl_association", creates, []string{"associate subnet"}, "", acl},
		{"aws_network_acl_association", updates, []string{"associate subnet"}, "", acl},
		{"aws_network_acl_association", deletes, []string{"release subnets"}, "", acl},
		{"aws_network_interface_sg_attachment", creates, []string{"attach group"}, "network_interface_id", join},
		{"aws_network_interface_sg_attachment", deletes, []string{"detach group"}, "network_interface_id", join},
	}
	for _, kind := range []string{"aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"} {
		recipes = append(recipes,
			recipe{kind, creates, []string{"authorize rule"}, "", newRule + " Create"},
			recipe{kind, updates, []string{"modify rule"}, "", newRule + " Update"},
			recipe{kind, deletes, []string{"revoke rule"}, "", newRule + " Delete"})
	}
	return recipes
}

// cloudFormation returns what CloudFormation does. A change of a rule removes it and then adds it
// ("AWS::EC2::SecurityGroup", CloudFormation user guide). It takes a rule that is there already for
// created (alphagov digitalmarketplace-aws issue 104). The rest is like the provider's.
func cloudFormation() []recipe {
	var recipes []recipe
	for _, r := range provider() {
		r.lock = ""
		switch {
		case r.kind == "aws_security_group" && r.on == creates:
			r.calls = []string{"create group", "revoke default egress if there are others", "authorize ingress", "authorize egress"}
		case isRule(r.kind) && r.on == creates:
			r.calls = []string{"authorize rule unless there"}
		}
		recipes = append(recipes, r)
	}
	return recipes
}

// An attachment is a type of resource that groups are attached to.
type attachment struct {
	kind, attribute string
	call            string // that changes the list, as AWS names it
	remote          bool   // its interfaces are the service's, so the file does not have their addresses
}

// attachments returns the known types. Each makes one call with the whole list (hashicorp's provider,
// internal/service, read up to aws_mq_broker except aws_db_instance; the others are assumed).
func attachments() []attachment {
	return []attachment{
		{"aws_instance", "vpc_security_group_ids", "ModifyNetworkInterfaceAttribute", false},
		{"aws_network_interface", "security_groups", "ModifyNetworkInterfaceAttribute", false},
		{"aws_lb", "security_groups", "SetSecurityGroups", true},
		{"aws_alb", "security_groups", "SetSecurityGroups", true},
		{"aws_elb", "security_groups", "ApplySecurityGroupsToLoadBalancer", true},
		{"aws_vpc_endpoint", "security_group_ids", "ModifyVpcEndpoint", true},
		{"aws_efs_mount_target", "security_groups", "ModifyMountTargetSecurityGroups", true},
		{"aws_rds_cluster", "vpc_security_group_ids", "ModifyDBCluster", true},
		{"aws_db_instance", "vpc_security_group_ids", "ModifyDBInstance", true},
		{"aws_db_proxy_endpoint", "vpc_security_group_ids", "ModifyDBProxyEndpoint", true},
		{"aws_redshift_cluster", "vpc_security_group_ids", "ModifyCluster", true},
		{"aws_neptune_cluster", "vpc_security_group_ids", "ModifyDBCluster", true},
		{"aws_docdb_cluster", "vpc_security_group_ids", "ModifyDBCluster", true},
		{"aws_dms_replication_instance", "vpc_security_group_ids", "ModifyReplicationInstance", true},
		{"aws_mq_broker", "security_groups", "UpdateBroker", true},
		{"aws_elasticache_cluster", "security_group_ids", "ModifyCacheCluster", true},
		{"aws_elasticache_replication_group", "security_group_ids", "ModifyReplicationGroup", true},
		{"aws_lambda_function", "vpc_config.security_group_ids", "UpdateFunctionConfiguration", true},
		{"aws_ecs_service", "network_configuration.security_groups", "UpdateService", true},
		{"aws_eks_cluster", "vpc_config.security_group_ids", "UpdateClusterConfig", true},
		{"aws_ec2_client_vpn_network_association", "security_groups", "ApplySecurityGroupsToClientVpnTargetNetwork", true},
		{"aws_ec2_client_vpn_endpoint", "security_group_ids", "ModifyClientVpnEndpoint", true},
	}
}

// future lists the types whose groups are those of instances to come: no effect on what runs.
func future() []string { return []string{"aws_launch_template", "aws_launch_configuration"} }
