package sg

import (
	"cmp"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"

	"lablab/say"
)

// interfaces reads describe-network-interfaces.
func (r *reader) interfaces(list []*node) error {
	r.account.knowsInterfaces = true
	for _, from := range list {
		if err := r.object(from, "NetworkInterfaces"); err != nil {
			return err
		}
		i, err := r.networkInterface(from)
		if err != nil {
			return err
		}
		r.account.Interfaces = append(r.account.Interfaces, i)
	}
	return nil
}

func (r *reader) networkInterface(from *node) (i Interface, err error) {
	if i.ID, err = r.string(from, "NetworkInterfaceId"); err != nil {
		return i, err
	}
	if i.Subnet, err = r.string(from, "SubnetId"); err != nil {
		return i, err
	}
	for _, g := range from.member("Groups").list() {
		if err := r.object(g, "Groups"); err != nil {
			return i, err
		}
		id, err := r.string(g, "GroupId")
		if err != nil {
			return i, err
		}
		i.Groups = append(i.Groups, id)
	}
	take := func(n *node, name string) error {
		s, err := r.string(n, name)
		if err != nil || s == "" {
			return err
		}
		address, err := parseAddress(s)
		if err != nil {
			return r.fail(n.member(name), "%v", err)
		}
		if !slices.Contains(i.Addresses, address) {
			i.Addresses = append(i.Addresses, address)
		}
		return nil
	}
	if err := take(from, "PrivateIpAddress"); err != nil {
		return i, err
	}
	for _, addresses := range []struct{ list, member string }{{"PrivateIpAddresses", "PrivateIpAddress"}, {"Ipv6Addresses", "Ipv6Address"}} {
		for _, one := range from.member(addresses.list).list() {
			if err := take(one, addresses.member); err != nil {
				return i, err
			}
		}
	}
	for _, delegated := range []struct {
		list, member string
		six          bool
	}{{"Ipv4Prefixes", "Ipv4Prefix", false}, {"Ipv6Prefixes", "Ipv6Prefix", true}} {
		for _, one := range from.member(delegated.list).list() {
			prefix, err := r.prefix(one, delegated.member, delegated.six)
			if err != nil {
				return i, err
			}
			i.Prefixes = append(i.Prefixes, prefix)
		}
	}
	if t := from.member("ConnectionTrackingConfiguration"); t != nil {
		i.TrackingTimeouts, err = r.timeouts(t, "")
	}
	return i, err
}

// timeouts reads a ConnectionTrackingConfiguration. Those of instance types have "Default" before
// each name.
func (r *reader) timeouts(from *node, prefix string) (t TrackingTimeouts, err error) {
	for _, m := range []struct {
		name string
		to   *int
	}{{"TcpEstablishedTimeout", &t.TCPEstablished}, {"UdpStreamTimeout", &t.UDPStream}, {"UdpTimeout", &t.UDP}} {
		if *m.to, _, err = r.number(from, prefix+m.name); err != nil {
			return t, err
		}
	}
	return t, nil
}

// instanceTypes reads the timeouts in describe-instance-types.
func (r *reader) instanceTypes(list []*node) error {
	for _, from := range list {
		name, err := r.id(from, "InstanceType")
		if err != nil {
			return err
		}
		t, err := r.timeouts(from.member("NetworkInfo").member("ConnectionTrackingConfiguration"), "Default")
		if err != nil {
			return err
		}
		r.account.InstanceTypes = append(r.account.InstanceTypes, InstanceType{name, t})
	}
	return nil
}

var errAddress = say.New("not an IP address")

func parseAddress(s string) (netip.Addr, error) {
	address, err := netip.ParseAddr(s)
	if err != nil || address.Zone() != "" {
		return netip.Addr{}, say.Errorf("%q: %w", s, errAddress)
	}
	return address, nil
}

// prefixLists reads describe-managed-prefix-lists and describe-prefix-lists.
func (r *reader) prefixLists(list []*node) error {
	for _, from := range list {
		if err := r.object(from, "PrefixLists"); err != nil {
			return err
		}
		id, err := r.id(from, "PrefixListId")
		if err != nil {
			return err
		}
		l := r.prefixList(id)
		name, errName := r.prose(from, "PrefixListName")
		owner, errOwner := r.string(from, "OwnerId")
		family, errFamily := r.string(from, "AddressFamily")
		most, _, errMost := r.number(from, "MaxEntries")
		if err := cmp.Or(errName, errOwner, errFamily, errMost); err != nil {
			return err
		}
		if family != "" && family != "IPv4" && family != "IPv6" {
			return r.fail(from.member("AddressFamily"), "AddressFamily is %q; expected IPv4 or IPv6", family)
		}
		// describe-prefix-lists has fewer members per list than describe-managed-prefix-lists.
		l.Name, l.Owner, l.AddressFamily = cmp.Or(name, l.Name), cmp.Or(owner, l.Owner), cmp.Or(family, l.AddressFamily)
		l.MaxEntries = cmp.Or(most, l.MaxEntries)
		cidrs := from.member("Cidrs")
		if cidrs == nil {
			continue
		}
		l.Entries, l.Known = nil, true
		for _, cidr := range cidrs.list() {
			prefix, err := r.anyCIDR(cidr, cidr.text)
			if err != nil {
				return err
			}
			l.Entries = append(l.Entries, prefix)
		}
	}
	return nil
}

var prefixListID = regexp.MustCompile(`(?:^|[^A-Za-z0-9])(pl-[0-9a-f]{8,17})(?:[^A-Za-z0-9]|$)`)

// entries reads get-managed-prefix-list-entries, which does not say which list the entries belong
// to: it is the one in the file's name, or the only list whose entries are unknown.
func (r *reader) entries(list []*node) error {
	var id string
	if found := prefixListID.FindStringSubmatch(filepath.Base(r.file)); found != nil {
		id = found[1]
	} else {
		var open []string
		for _, l := range r.account.PrefixLists {
			if !l.Known {
				open = append(open, l.ID)
			}
		}
		if len(open) != 1 {
			return r.failAt(0, "the file does not say which prefix list these entries belong to: name it after the list, such as pl-0123456789abcdef0.json")
		}
		id = open[0]
	}
	l := r.prefixList(id)
	l.Entries = nil
	for _, entry := range list {
		cidr, err := r.string(entry, "Cidr")
		if err != nil {
			return err
		}
		at := cmp.Or(entry.member("Cidr"), entry)
		prefix, err := r.anyCIDR(at, cidr)
		if err != nil {
			return err
		}
		l.Entries = append(l.Entries, prefix)
	}
	l.Known = true
	return nil
}

// prefixList returns the list with that id, and adds it if it is new.
func (r *reader) prefixList(id string) *PrefixList {
	lists := &r.account.PrefixLists
	if r.lists == nil {
		r.lists = map[string]int{}
		for i, l := range *lists {
			r.lists[l.ID] = i
		}
	}
	i, known := r.lists[id]
	if !known {
		i = len(*lists)
		r.lists[id] = i
		*lists = append(*lists, PrefixList{ID: id})
	}
	return &(*lists)[i]
}
