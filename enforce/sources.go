package enforce

import "lablab/say"

// A Confidence says how a statement about a product is known.
type Confidence string

// Statements are documented by the product's maker, read in its code, reported by users or in an
// issue, or inferred from the others.
const (
	Documented Confidence = "documented"
	ReadInCode Confidence = "code"
	Reported   Confidence = "reported"
	Inferred   Confidence = "inferred"
)

// Confidences returns every confidence, the best one first.
func Confidences() []Confidence { return []Confidence{Documented, ReadInCode, Reported, Inferred} }

// Words returns the confidence in words.
func (c Confidence) Words() say.Sentence {
	switch c {
	case Documented:
		return say.F("documented")
	case ReadInCode:
		return say.F("read in code")
	case Reported:
		return say.F("reported")
	case Inferred:
		return say.F("inferred")
	}
	return say.As(string(c))
}

// A Source is where a statement was found.
type Source struct {
	Where string `json:"where"`
	// Date is when it was written, as far as it is known: a year, a month or a day, as in 2025-08.
	Date string `json:"date,omitempty"`
}

// String returns the source with its date.
func (s Source) String() string {
	if s.Date == "" {
		return s.Where
	}
	return s.Where + " (" + s.Date + ")"
}

// A Statement is what a source says about a product. Nothing of it was measured on the product.
type Statement struct {
	Confidence Confidence   `json:"confidence"`
	Sources    []Source     `json:"sources"`
	Says       say.Sentence `json:"says"`
}

// undated returns sources without a date.
func undated(where ...string) []Source {
	sources := make([]Source, len(where))
	for i, w := range where {
		sources[i].Where = w
	}
	return sources
}

// dated returns a source with its date.
func dated(where, date string) []Source { return []Source{{where, date}} }

// Sources that support several statements. A commit follows the name of its repository, and a
// number without a path is that of an issue or pull request.
const (
	ec2Tracking      = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html"
	ec2Containment   = "https://docs.aws.amazon.com/whitepapers/latest/aws-security-incident-response-guide/source-containment.html"
	azureProperties  = "NetworkSecurityGroupPropertiesFormat"
	networkFirewall  = "AWS Network Firewall docs: flow-operations-flush, firewall-policy-managing, stream-exception-policy"
	ctyunDocument    = "document/10026755/10028686, seen on a mirror (daliqc.cn)"
	huaweiFAQ        = "vpc_faq_0074"
	ovnNorthd        = "ovn@2411e964d northd/northd.c:7079-7131, 7760, 7871-7899, 8219-8295"
	neutronConntrack = "neutron@2131d26f73 agent/linux/ip_conntrack.py _generate_conntrack_cmd_by_rule, _get_conntrack_cmds"
	neutronFirewall  = "iptables_firewall.py:740-772, 975-1045"
	eksProgram       = "aws-network-policy-agent@c8619c0 pkg/ebpf/c/tc.v4ingress.bpf.c:37-44, 325, 429-470"
	sweepController  = "kube-network-policies@5f81cc3 pkg/dataplane/controller.go:131-141, 283-287, 371-449, 647"
	ciliumProgram    = "bpf_lxc.c"
	ciliumConntrack  = "conntrack.h@0019dc53 __ct_lookup"
	dockerNetwork    = "moby@b985e2313a iptabler/network.go:114"
	dockerBridge     = "bridge_linux.go:1596, 1668-1699"
	firewalldCode    = "firewalld@2745d6f0 core/nftables.py:475"
	pfSense          = "pfsense@9363ac5b86 filter.inc:2402, 4735"
	opnSense         = "opnsense@f95e81516e filter.inc:250, 399-401"
	tailscaleFilter  = "tailscale@de9ec7ee2 wgengine/filter/filter.go:108, 502-560, 642"
	libvirtDriver    = "nwfilter_ebiptables_driver.c _iptablesCreateRuleInstance"
	windowsALE       = "learn.microsoft.com ale-re-authorization"
)
