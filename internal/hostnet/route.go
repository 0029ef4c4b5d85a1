package hostnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// DefaultRoute is one way out of the host.
type DefaultRoute struct {
	Ifindex int
	Device  string
	Gateway netip.Addr // invalid where the device needs none
	Family  int        // 4 or 6
	Table   int        // 254 is main
}

// DefaultRoutes lists the default routes of every table and both families, one
// for each next hop.
func DefaultRoutes() ([]DefaultRoute, error) {
	routes, err := allRoutes(netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	var defaults []DefaultRoute
	for _, r := range routes {
		if !isDefault(r) || r.Type != unix.RTN_UNICAST {
			continue
		}
		for _, hop := range nextHops(r) {
			defaults = append(defaults, defaultRoute(r, hop))
		}
	}
	return defaults, nil
}

func defaultRoute(r netlink.Route, hop *netlink.NexthopInfo) DefaultRoute {
	d := DefaultRoute{Ifindex: hop.LinkIndex, Device: deviceName(hop.LinkIndex), Table: r.Table, Family: 4}
	if r.Family == unix.AF_INET6 {
		d.Family = 6
	}
	if gw, ok := netip.AddrFromSlice(hop.Gw); ok {
		d.Gateway = gw.Unmap()
	}
	return d
}

func isDefault(r netlink.Route) bool {
	if r.Dst == nil {
		return true
	}
	ones, _ := r.Dst.Mask.Size()
	return ones == 0 && r.Dst.IP.Equal(zeroOf(r.Dst.IP))
}

func zeroOf(ip net.IP) net.IP {
	if ip.To4() != nil {
		return net.IPv4zero
	}
	return net.IPv6zero
}

// nextHops gives a route's next hops, of which most have one.
func nextHops(r netlink.Route) []*netlink.NexthopInfo {
	if len(r.MultiPath) > 0 {
		return r.MultiPath
	}
	return []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw}}
}

// allRoutes lists the routes of every table; the netlink package alone would
// give table main only.
func allRoutes(family int) ([]netlink.Route, error) {
	every := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	routes, err := dump(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, every, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("list the host's routes: %w", err)
	}
	return routes, nil
}

// dump repeats a listing that a change interrupted.
func dump[T any](list func() ([]T, error)) (all []T, err error) {
	for range 5 {
		all, err = list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}

func deviceName(ifindex int) string {
	link, err := netlink.LinkByIndex(ifindex)
	if err != nil {
		return fmt.Sprintf("device %d", ifindex)
	}
	return link.Attrs().Name
}
