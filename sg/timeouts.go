package sg

import (
	"fmt"
	"time"
)

// Timeouts are how long EC2 tracks idle flows.
type Timeouts struct {
	Profile        string        `json:"profile"` // name
	TCPEstablished time.Duration `json:"tcp_established_ns"`
	UDP            time.Duration `json:"udp_ns"`        // traffic in one direction, or a single request and its response
	UDPStream      time.Duration `json:"udp_stream_ns"` // more than that
	Other          time.Duration `json:"other_ns"`      // protocols other than TCP, UDP and ICMP
	// ICMP is the default of Linux; AWS does not publish its own value.
	ICMP time.Duration `json:"icmp_ns"`
}

// Nitro returns the timeouts of every instance type but the newest (EC2 user guide, "Security group
// connection tracking", idle connection tracking timeout).
func Nitro() Timeouts {
	return Timeouts{
		Profile: "nitro", TCPEstablished: 432000 * time.Second, UDP: 30 * time.Second, UDPStream: 180 * time.Second,
		Other: 600 * time.Second, ICMP: 30 * time.Second,
	}
}

// NitroV6 returns the timeouts of Nitro v6 instance types except P6e-GB200 (same page).
func NitroV6() Timeouts {
	t := Nitro()
	t.Profile, t.TCPEstablished = "nitro-v6", 350*time.Second
	return t
}

// TimeoutsOf returns the timeouts of a profile: nitro or nitro-v6.
func TimeoutsOf(profile string) (Timeouts, bool) {
	for _, t := range []Timeouts{Nitro(), NitroV6()} {
		if t.Profile == profile {
			return t, true
		}
	}
	return Timeouts{}, false
}

// Timeouts returns the timeouts configured for the interface (ConnectionTrackingConfiguration),
// with Nitro's as the default.
func (i Interface) Timeouts() Timeouts {
	return i.timeouts(fmt.Sprintf("interface %s", i.ID))
}

func (configured TrackingTimeouts) timeouts(profile string) Timeouts {
	t := Nitro()
	t.Profile = profile
	for _, c := range []struct {
		seconds int
		timeout *time.Duration
	}{{configured.TCPEstablished, &t.TCPEstablished}, {configured.UDPStream, &t.UDPStream}, {configured.UDP, &t.UDP}} {
		if c.seconds > 0 {
			*c.timeout = time.Duration(c.seconds) * time.Second
		}
	}
	return t
}
