package hostnet

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoFreeSubnet says that every candidate overlaps something on this host.
var ErrNoFreeSubnet = errors.New("no 192.168.0.0/16 subnet is free on this host")

// Conflict tells whether a subnet overlaps an address or a route of the host,
// and names the first that does in words, such as
// "192.168.122.0/24 dev virbr0". Default routes never conflict, nor does what
// is on the devices in own (our host ports).
func Conflict(subnet netip.Prefix, own ...string) (what string, conflict bool, err error) {
	taken, err := claims(own)
	if err != nil {
		return "", false, err
	}
	what, conflict = overlap(subnet, taken)
	return what, conflict, nil
}

// FreeSubnet returns base if nothing on the host overlaps it, else the next
// free 192.168.N.0/24 above, beginning again at 192.168.0.0/24 after
// 192.168.255.0/24.
func FreeSubnet(base netip.Prefix, own ...string) (netip.Prefix, error) {
	taken, err := claims(own)
	if err != nil {
		return netip.Prefix{}, err
	}
	return freeSubnet(base, taken)
}

func freeSubnet(base netip.Prefix, taken []claim) (netip.Prefix, error) {
	if _, conflict := overlap(base, taken); !conflict {
		return base, nil
	}
	third := int(base.Addr().As4()[2])
	for i := range 255 {
		n := byte(third + 1 + i)
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, n, 0}), 24)
		if _, conflict := overlap(p, taken); !conflict {
			return p, nil
		}
	}
	return netip.Prefix{}, ErrNoFreeSubnet
}

// claim is a prefix that the host uses already.
type claim struct {
	prefix netip.Prefix
	device string
	what   string // address or route
}

// String names the claim as `ip route` and `ip address` would.
func (c claim) String() string {
	s := c.prefix.String()
	if c.what == "address" {
		s = "address " + s
	}
	if c.device != "" {
		s += " dev " + c.device
	}
	return s
}

func overlap(subnet netip.Prefix, taken []claim) (string, bool) {
	for _, c := range taken {
		if c.prefix.Overlaps(subnet) {
			return c.String(), true
		}
	}
	return "", false
}

// claims lists the host's IPv4 routes, then its addresses, the devices in own
// left out.
func claims(own []string) ([]claim, error) {
	routes, err := allRoutes(netlink.FAMILY_V4)
	if err != nil {
		return nil, err
	}
	var taken []claim
	for _, r := range routes {
		taken = append(taken, routeClaims(r)...)
	}
	held, err := addressClaims()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(append(taken, held...), func(c claim) bool {
		return slices.Contains(own, c.device)
	}), nil
}

// routeClaims gives a route's prefix once for each device. Table local and
// multicast routes follow from addresses; a /0 is no claim.
func routeClaims(r netlink.Route) (taken []claim) {
	if isDefault(r) || r.Table == unix.RT_TABLE_LOCAL || r.Type == unix.RTN_MULTICAST {
		return nil
	}
	prefix, ok := prefixOf(r.Dst)
	if !ok {
		return nil
	}
	for _, hop := range nextHops(r) {
		c := claim{prefix: prefix.Masked(), what: "route"}
		if hop.LinkIndex != 0 { // unreachable and blackhole have none
			c.device = deviceName(hop.LinkIndex)
		}
		taken = append(taken, c)
	}
	return taken
}

func addressClaims() (taken []claim, err error) {
	list, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	for _, a := range list {
		if p, ok := prefixOf(a.IPNet); ok {
			taken = append(taken, claim{prefix: p, device: deviceName(a.LinkIndex), what: "address"})
		}
	}
	return taken, nil
}
