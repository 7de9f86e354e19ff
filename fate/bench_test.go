package fate_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"lablab/fate"
	"lablab/live"
	"lablab/packet"
	"lablab/plan"
)

// A plan that replaces 500 rules, and 100,000 connections to 100 hosts.
func BenchmarkOf(b *testing.B) {
	p := big(b)
	var flows []live.Flow
	for n := range 100_000 {
		flows = append(flows, live.Flow{Key: packet.Key{
			Protocol: packet.TCP, Source: netip.AddrFrom4([4]byte{10, byte(n % 5), byte(n >> 8), byte(n)}), SourcePort: uint16(1024 + n%60000),
			Destination: netip.AddrFrom4([4]byte{10, 200, 0, byte(1 + n%100)}), DestinationPort: uint16(443 + n%500),
		}})
	}
	b.ReportAllocs()
	for b.Loop() {
		if f := fate.Of(p, flows, fate.Options{Orders: 100}); len(f.Fates) != len(flows) {
			b.Fatal(len(f.Fates))
		}
	}
}

// big returns a plan that replaces 500 rules of 50 groups.
func big(b *testing.B) *plan.Plan {
	b.Helper()
	var before, changes []any
	type object = map[string]any
	rule := func(n, port int) object {
		return object{"id": fmt.Sprintf("sgr-%d", n), "security_group_id": fmt.Sprintf("sg-%d", n%50), "type": "ingress", "protocol": "tcp", "from_port": port, "to_port": port,
			"cidr_blocks": []string{"10.0.0.0/8"}, "ipv6_cidr_blocks": []string{}, "prefix_list_ids": []string{}, "self": false, "description": ""}
	}
	add := func(kind, name string, change object) {
		address := kind + "." + name
		changes = append(changes, object{"address": address, "mode": "managed", "type": kind, "name": name, "provider_name": "registry.terraform.io/hashicorp/aws", "change": change})
		before = append(before, object{"address": address, "mode": "managed", "type": kind, "name": name, "provider_name": "registry.terraform.io/hashicorp/aws", "values": change["before"]})
	}
	for n := range 50 {
		values := object{"id": fmt.Sprintf("sg-%d", n), "name": fmt.Sprint("g", n), "vpc_id": "vpc-1", "ingress": []any{}, "egress": []any{}, "description": "g"}
		add("aws_security_group", fmt.Sprint("g", n), object{"actions": []string{"no-op"}, "before": values, "after": values})
	}
	for n := range 100 {
		values := object{"id": fmt.Sprintf("i-%d", n), "private_ip": fmt.Sprintf("10.200.0.%d", n+1), "vpc_security_group_ids": []string{fmt.Sprintf("sg-%d", n%50)}}
		add("aws_instance", fmt.Sprint("h", n), object{"actions": []string{"no-op"}, "before": values, "after": values})
	}
	for n := range 500 {
		add("aws_security_group_rule", fmt.Sprint("r", n), object{"actions": []string{"delete", "create"}, "before": rule(n, 443+n), "after": rule(n, 444+n), "after_unknown": object{"id": true}})
	}
	text, err := json.Marshal(object{
		"format_version": "1.2", "terraform_version": "1.12.0", "resource_changes": changes, "planned_values": object{"root_module": object{}},
		"prior_state": object{"format_version": "1.0", "values": object{"root_module": object{"resources": before}}}, "configuration": object{"root_module": object{}},
	})
	if err != nil {
		b.Fatal(err)
	}
	p, err := plan.Read("big.json", strings.NewReader(string(text)), plan.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return p
}
