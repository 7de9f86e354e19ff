package enforce

func init() { register(2, keep{}) }

// A keep model accepts what conntrack knows, whatever becomes of the rules.
type keep struct{}

func (keep) Traits() Traits { return Traits{Name: "keep", Forwards: true, ACL: true} }

func (keep) Judge(p Packet, rules Policy) Decision {
	if d, known := byEntry(p, rules); known {
		return d
	}
	return admitting(byRules(p, rules), p)
}

func (keep) Changed(Flow, Policy) Effect { return Stays }
