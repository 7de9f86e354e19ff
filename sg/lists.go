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
	ids := map[string]bool{}
	for _, i := range r.account.Interfaces {
		ids[i.ID] = true
	}
	for _, from := range list {
		if err := r.object(from, "NetworkInterfaces"); err != nil {
			return err
		}
		i, err := r.networkInterface(from)
		if err != nil {
			return err
		}
		if i.ID != "" {
			if err := r.once(from.member("NetworkInterfaceId"), say.F("network interface %s", i.ID), i.inOrder()); err != nil {
				return err
			}
			if ids[i.ID] {
				continue
			}
			ids[i.ID] = true
		}
		r.account.Interfaces = append(r.account.Interfaces, i)
	}
	return nil
}

// inOrder returns the interface with its lists sorted.
func (i Interface) inOrder() Interface {
	i.Groups, i.Prefixes = slices.Sorted(slices.Values(i.Groups)), sorted(i.Prefixes)
	for _, list := range []*[]netip.Addr{&i.Addresses, &i.Public} {
		*list = slices.SortedFunc(slices.Values(*list), netip.Addr.Compare)
	}
	return i
}

func (r *reader) networkInterface(from *node) (i Interface, err error) {
	if id := from.member("NetworkInterfaceId"); !id.empty() {
		if i.ID, err = r.id(from, "NetworkInterfaceId"); err != nil {
			return i, err
		}
	}
	if i.Subnet, err = r.string(from, "SubnetId"); err != nil {
		return i, err
	}
	for _, g := range from.member("Groups").list() {
		if err := r.object(g, "Groups"); err != nil {
			return i, err
		}
		id, err := r.id(g, "GroupId")
		if err != nil {
			return i, err
		}
		i.Groups = append(i.Groups, id)
	}
	take := func(to *[]netip.Addr, n *node, name string) error {
		s, err := r.string(n, name)
		if err != nil || s == "" {
			return err
		}
		address, err := parseAddress(s)
		if err != nil {
			return r.fail(n.member(name), "%v", err)
		}
		if !slices.Contains(*to, address) {
			*to = append(*to, address)
		}
		return nil
	}
	if err := cmp.Or(take(&i.Addresses, from, "PrivateIpAddress"), take(&i.Public, from.member("Association"), "PublicIp")); err != nil {
		return i, err
	}
	for _, addresses := range []struct{ list, member string }{{"PrivateIpAddresses", "PrivateIpAddress"}, {"Ipv6Addresses", "Ipv6Address"}} {
		for _, one := range from.member(addresses.list).list() {
			if err := r.object(one, addresses.list); err != nil {
				return i, err
			}
			if err := cmp.Or(take(&i.Addresses, one, addresses.member), take(&i.Public, one.member("Association"), "PublicIp")); err != nil {
				return i, err
			}
		}
	}
	for _, delegated := range []struct {
		list, member string
		six          bool
	}{{"Ipv4Prefixes", "Ipv4Prefix", false}, {"Ipv6Prefixes", "Ipv6Prefix", true}} {
		for _, one := range from.member(delegated.list).list() {
			if err := r.object(one, delegated.list); err != nil {
				return i, err
			}
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
	if err == nil && from.member("Groups") == nil {
		err = r.fail(from, "%s is missing", "Groups")
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
		if err := r.once(from.member("InstanceType"), say.F("instance type %s", name), t); err != nil {
			return err
		}
		if known := (InstanceType{name, t}); !slices.Contains(r.account.InstanceTypes, known) {
			r.account.InstanceTypes = append(r.account.InstanceTypes, known)
		}
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
		given := []netip.Prefix{}
		for _, cidr := range cidrs.list() {
			prefix, err := r.anyCIDR(cidr, cidr.text)
			if err != nil {
				return err
			}
			given = append(given, prefix)
		}
		if err := r.once(from.member("PrefixListId"), say.F("prefix list %s", id), sorted(given)); err != nil {
			return err
		}
		if !hasAll(given, l.Entries) {
			return r.fail(cidrs, "prefix list %s is listed twice, with different entries", id)
		}
		l.Entries, l.Known, l.whole = given, true, true
	}
	return nil
}

func sorted(list []netip.Prefix) []netip.Prefix {
	return slices.SortedFunc(slices.Values(list), netip.Prefix.Compare)
}

// hasAll reports whether a list has all of some entries.
func hasAll(list, some []netip.Prefix) bool {
	all := setOf(list)
	return !slices.ContainsFunc(some, func(p netip.Prefix) bool { return !all[p] })
}

func setOf(list []netip.Prefix) map[netip.Prefix]bool {
	set := map[netip.Prefix]bool{}
	for _, p := range list {
		set[p] = true
	}
	return set
}

var prefixListID = regexp.MustCompile(`(?:^|[^A-Za-z0-9])(pl-[0-9a-f]{8,17})(?:[^A-Za-z0-9]|$)`)

// entries reads get-managed-prefix-list-entries, which does not say which list the entries belong
// to: it is the one in the file's name, or the only list whose entries are unknown. A list may have
// several pages of entries.
func (r *reader) entries(list []*node) error {
	id := r.list
	if found := prefixListID.FindStringSubmatch(filepath.Base(r.file)); found != nil {
		id = found[1]
	} else if id == "" {
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
	r.list = id
	l := r.prefixList(id)
	known := setOf(l.Entries)
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
		switch {
		case known[prefix]: // another file with the same
		case l.whole:
			return r.fail(at, "%s is not among the entries of prefix list %s that were read before", prefix, id)
		default:
			known[prefix] = true
			l.Entries = append(l.Entries, prefix)
		}
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
