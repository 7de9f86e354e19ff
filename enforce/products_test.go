package enforce_test

import (
	"regexp"
	"slices"
	"testing"

	"lablab/enforce"
	"lablab/say"
)

// Every model is explained in full.
func TestModelsAreExplained(t *testing.T) {
	all := enforce.All()
	for _, d := range all.Models {
		for _, part := range []say.Sentence{d.Summary, d.Decides, d.Change, d.Evidence} {
			if part.Empty() {
				t.Errorf("%s: a part of its explanation is missing", d.Name)
			}
		}
		for _, k := range d.Knobs {
			if len(k.Choices) < 2 || k.Means.Empty() {
				t.Errorf("%s: knob %s is not explained", d.Name, k.Name)
			}
		}
	}
}

// Every product can be called by its alias, and says who says what of it.
func TestProductsHaveSources(t *testing.T) {
	word := regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	date := regexp.MustCompile(`^(|\d{4}(-\d\d(-\d\d)?)?)$`)
	all := enforce.All()
	names := map[string]bool{}
	for _, name := range all.Names() {
		if names[name] || !word.MatchString(name) {
			t.Errorf("%q is not a name, or that of two", name)
		}
		names[name] = true
	}
	for _, p := range all.Products {
		if p.Name == "" || p.Playable() == !p.NotPlayed.Empty() {
			t.Errorf("%s: want a name, and either a model or a reason", p.Alias)
		}
		if p.Playable() && len(p.Statements) == 0 {
			t.Errorf("%s: no source says that it behaves as %s", p.Alias, p.Model)
		}
		for _, s := range slices.Concat(p.Statements, p.Quirks) {
			if s.Says.Empty() || len(s.Sources) == 0 || !slices.Contains(enforce.Confidences(), s.Confidence) {
				t.Errorf("%s: want a sentence, its sources and its confidence: %v", p.Alias, s)
			}
			for _, source := range s.Sources {
				if source.Where == "" || !date.MatchString(source.Date) {
					t.Errorf("%s: %q (%q) is not a source", p.Alias, source.Where, source.Date)
				}
			}
		}
		for _, u := range p.Undocumented {
			if u.Empty() {
				t.Errorf("%s: an empty question", p.Alias)
			}
		}
	}
}

// A product's model exists, and so do the values of its knobs.
func TestProductsHaveModels(t *testing.T) {
	all := enforce.All()
	for _, p := range all.Products {
		i := slices.IndexFunc(all.Models, func(d enforce.Description) bool { return d.Name == p.Model })
		if i < 0 {
			if p.Playable() {
				t.Errorf("%s: there is no model %s", p.Alias, p.Model)
			}
			continue
		}
		for name, value := range p.Knobs {
			if !slices.ContainsFunc(all.Models[i].Knobs, func(k enforce.KnobMeaning) bool { return k.Name == name && slices.Contains(k.Choices, value) }) {
				t.Errorf("%s: %s has no %s: %s", p.Alias, p.Model, name, value)
			}
		}
	}
}

// The products are ordered by model, and have the models that the study of their sources found.
func TestProductsByModel(t *testing.T) {
	want := []struct {
		setting string
		aliases []string
	}{
		{"aws", []string{"ec2"}},
		{"keep", []string{
			"antrea", "aws-nfw", "azure", "calico", "calico-ebpf", "ctyun-az", "dfw", "docker", "eks", "firewalld", "gcp", "huawei-acl", "incus", "kube-router",
			"lxd", "oci", "openwrt", "opnsense", "pf", "pfsense", "proxmox", "qubes", "ufw", "weave",
		}},
		{"cut (scope: all)", []string{"ctyun"}},
		{"cut (scope: inbound)", []string{"huawei"}},
		{"cut (scope: matching, tcp: loose)", []string{"neutron"}},
		{"request", []string{"cilium"}},
		{"request (tombstone: true)", []string{"incus-ovn", "neutron-ovn", "neutron-ovs", "ovn", "ovn-kubernetes"}},
		{"tied", []string{"libvirt"}},
		{"rejudge", []string{"alibaba", "azure-flush", "nsx", "windows"}},
		{"stateless", []string{"aws-acl", "aws-nfw-stateless", "oci-stateless", "ovn-stateless"}},
		{"syn", []string{"tailscale"}},
		{"sweep", []string{"kube-network-policies"}},
		{"", []string{"digitalocean", "firewalla", "kubernetes", "ovn-persist", "tencent"}},
	}
	products := enforce.Products()
	for _, group := range want {
		for _, alias := range group.aliases {
			if len(products) == 0 {
				t.Fatalf("%s is missing", alias)
			}
			if p := products[0]; p.Alias != alias || p.Setting() != group.setting {
				t.Fatalf("want %s as %q, got %s as %q", alias, group.setting, p.Alias, p.Setting())
			}
			products = products[1:]
		}
	}
	for _, p := range products {
		t.Errorf("%s is not expected", p.Alias)
	}
}

// A name finds a model with its products, or a product with its model.
func TestPartsOfTheCatalogue(t *testing.T) {
	for _, row := range []struct {
		name             string
		models, products []string
	}{
		{"cut", []string{"cut"}, []string{"ctyun", "huawei", "neutron"}},
		{"neutron", []string{"cut"}, []string{"neutron"}},
		{"tencent", nil, []string{"tencent"}},
		{"tied", []string{"tied"}, []string{"libvirt"}},
		{"", nil, nil},
		{"Cilium", nil, nil},
	} {
		part, found := enforce.All().Of(row.name)
		if want := slices.Concat(row.models, row.products); found != (want != nil) || !slices.Equal(part.Names(), want) {
			t.Errorf("%q: got %v (%v), want %v", row.name, part.Names(), found, want)
		}
	}
}

// What is known best comes first.
func TestConfidencesOfAProduct(t *testing.T) {
	p := enforce.Product{Statements: []enforce.Statement{{Confidence: enforce.Inferred}, {Confidence: enforce.Documented}, {Confidence: enforce.Inferred}}}
	if got := p.Confidences(); !slices.Equal(got, []enforce.Confidence{enforce.Documented, enforce.Inferred}) {
		t.Errorf("got %v", got)
	}
}
