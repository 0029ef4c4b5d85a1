package dhcpd

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"
)

const (
	// DefaultLeaseTime is used where Config.LeaseTime is zero, as in dnsmasq.
	DefaultLeaseTime = time.Hour
	// MinLeaseTime is the shortest lease, as in dnsmasq and libvirt.
	MinLeaseTime = 2 * time.Minute
	// InfiniteLease is a lease without end: all ones on the wire (RFC 2131 §3.3).
	InfiniteLease = math.MaxUint32 * time.Second

	// maxPoolBits bounds the pool to 2^24 addresses: two megabytes of bits.
	maxPoolBits = 24
	// minMTU is the smallest legal value of option 26 (RFC 2132 §5.1).
	minMTU = 68
	// maxDNS keeps option 6 well inside the 312 option bytes that every client
	// must accept (RFC 2131 §2).
	maxDNS = 8
	// maxDomain is the longest domain name (RFC 1035 §2.3.4), without the final dot.
	maxDomain = 253
)

// Config is what one engine serves. The zero value of an optional field means
// that its option is not sent.
type Config struct {
	Server    netip.Addr    // gateway address and server identifier (option 54); in Subnet
	Subnet    netip.Prefix  // IPv4; gives options 1 and 28
	Ranges    []Range       // what is leased; empty: all host addresses of Subnet but Server
	Router    netip.Addr    // option 3
	DNS       []netip.Addr  // option 6, at most 8
	Domain    string        // option 15
	MTU       uint16        // option 26, bytes
	LeaseTime time.Duration // option 51, whole seconds; also the most that a client may ask for
	Hosts     []Host        // reservations

	BootFile   string     // what a guest boots from the network: field file, option 67
	BootServer netip.Addr // where it is: field siaddr, option 66; zero: Server

	// ReservedOnly leases nothing but the addresses of Hosts, and overrides
	// Ranges (libvirt's <dhcp> with hosts and no range).
	ReservedOnly bool
}

// Range is a run of addresses, both ends included.
type Range struct{ First, Last netip.Addr }

// Host is a reservation. A client is recognised by ClientID, else by MAC; a
// Host that has neither is recognised by the name that the client sends
// (dnsmasq's NAME,IP form).
type Host struct {
	MAC       [6]byte       // all zero: any
	ClientID  []byte        // option 61 with its type byte; empty: any
	Name      string        // option 12 and the client's DNS name; may be empty
	IP        netip.Addr    // in Subnet, inside or outside Ranges; zero: from the pool
	LeaseTime time.Duration // instead of Config.LeaseTime; 0: that one
}

// check validates cfg and returns it with its defaults filled in.
func (cfg Config) check() (Config, error) {
	cfg.Subnet = cfg.Subnet.Masked()
	if cfg.LeaseTime == 0 {
		cfg.LeaseTime = DefaultLeaseTime
	}
	err := errors.Join(cfg.checkSubnet(), cfg.checkRanges(), cfg.checkOptions(), cfg.checkHosts())
	return cfg, err
}

func (cfg Config) checkSubnet() error {
	switch {
	case !cfg.Subnet.IsValid() || !cfg.Subnet.Addr().Is4():
		return fmt.Errorf("subnet: %v is not an IPv4 prefix such as 192.168.122.0/24", cfg.Subnet)
	case cfg.Subnet.Bits() < 32-maxPoolBits:
		return fmt.Errorf("subnet: %v is too large; use /%d or longer", cfg.Subnet, 32-maxPoolBits)
	case !cfg.holds(cfg.Server):
		return fmt.Errorf("server: %v is not a host address of %v", cfg.Server, cfg.Subnet)
	}
	return nil
}

// holds reports whether a is an address that a host of the subnet may have.
func (cfg Config) holds(a netip.Addr) bool {
	if !cfg.Subnet.Contains(a) {
		return false
	}
	if cfg.Subnet.Bits() >= 31 { // RFC 3021: no network and broadcast address
		return true
	}
	return a != cfg.Subnet.Addr() && a != cfg.broadcast()
}

// broadcast is the subnet's directed broadcast address.
func (cfg Config) broadcast() netip.Addr {
	host := uint32(math.MaxUint32) >> cfg.Subnet.Bits()
	if cfg.Subnet.Bits() == 32 {
		host = 0
	}
	return fromUint(toUint(cfg.Subnet.Addr()) | host)
}

func (cfg Config) checkRanges() error {
	for i, r := range cfg.Ranges {
		if !cfg.holds(r.First) || !cfg.holds(r.Last) {
			return fmt.Errorf("ranges[%d]: %v-%v is not within the host addresses of %v", i, r.First, r.Last, cfg.Subnet)
		}
		if r.Last.Less(r.First) {
			return fmt.Errorf("ranges[%d]: first address %v is above last address %v", i, r.First, r.Last)
		}
		for j, other := range cfg.Ranges[:i] {
			if !r.Last.Less(other.First) && !other.Last.Less(r.First) {
				return fmt.Errorf("ranges[%d]: %v-%v overlaps ranges[%d]", i, r.First, r.Last, j)
			}
		}
	}
	return nil
}

func (cfg Config) checkOptions() error {
	if cfg.Router.IsValid() && !cfg.holds(cfg.Router) {
		return fmt.Errorf("router: %v is not a host address of %v", cfg.Router, cfg.Subnet)
	}
	if len(cfg.DNS) > maxDNS {
		return fmt.Errorf("dns: %d servers, at most %d fit", len(cfg.DNS), maxDNS)
	}
	for i, a := range cfg.DNS {
		if !a.Is4() {
			return fmt.Errorf("dns[%d]: %v is not an IPv4 address", i, a)
		}
	}
	if !validDomain(cfg.Domain) {
		return fmt.Errorf("domain: %q is not a domain name", cfg.Domain)
	}
	if len(cfg.BootFile) > maxBootFile {
		return fmt.Errorf("boot file: %d bytes, at most %d fit", len(cfg.BootFile), maxBootFile)
	}
	if cfg.BootServer.IsValid() && !cfg.BootServer.Is4() {
		return fmt.Errorf("boot server: %v is not an IPv4 address", cfg.BootServer)
	}
	if cfg.MTU != 0 && cfg.MTU < minMTU {
		return fmt.Errorf("mtu: %d is below the minimum of %d", cfg.MTU, minMTU)
	}
	return checkLeaseTime("lease time", cfg.LeaseTime)
}

func checkLeaseTime(field string, d time.Duration) error {
	if d < MinLeaseTime {
		return fmt.Errorf("%s: %v is below the minimum of %v", field, d, MinLeaseTime)
	}
	if d%time.Second != 0 {
		return fmt.Errorf("%s: %v is not a whole number of seconds", field, d)
	}
	return nil
}
