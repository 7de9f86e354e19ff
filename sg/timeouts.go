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
	t := Nitro()
	t.Profile = fmt.Sprintf("interface %s", i.ID)
	for _, configured := range []struct {
		seconds int
		timeout *time.Duration
	}{{i.TCPEstablished, &t.TCPEstablished}, {i.UDPStream, &t.UDPStream}, {i.UDP, &t.UDP}} {
		if configured.seconds > 0 {
			*configured.timeout = time.Duration(configured.seconds) * time.Second
		}
	}
	return t
}
