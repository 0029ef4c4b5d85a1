package nexthop

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Route finds the way to an IPv4 destination as far as the routing tables tell:
// everything of the Hop but its MAC.
func (f *Follower) Route(dst netip.Addr) (Hop, error) {
	if dst = dst.Unmap(); !dst.Is4() {
		return Hop{}, fmt.Errorf("route to %s: not an IPv4 address", dst)
	}
	routes, err := f.handle.RouteGet(dst.AsSlice())
	if kind, ok := refusal(err); ok {
		return Hop{Kind: kind}, nil
	}
	if err != nil {
		return Hop{}, fmt.Errorf("route to %s: %w", dst, err)
	}
	if len(routes) == 0 {
		return Hop{Kind: NoRoute}, nil
	}
	if kind := kindOf(routes[0].Type); kind != Forward {
		return Hop{Kind: kind}, nil
	}
	return f.forward(dst, routes[0])
}

// refusal maps the errors by which the kernel names a route's type.
func refusal(err error) (Kind, bool) {
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return NoRoute, true
	case errors.Is(err, unix.EACCES):
		return Prohibited, true
	case errors.Is(err, unix.EINVAL):
		return Blackholed, true
	}
	return 0, false
}

func kindOf(routeType int) Kind {
	switch routeType {
	case unix.RTN_UNICAST:
		return Forward
	case unix.RTN_LOCAL:
		return Local
	case unix.RTN_BROADCAST, unix.RTN_ANYCAST:
		return Broadcast
	case unix.RTN_MULTICAST:
		return Multicast
	case unix.RTN_PROHIBIT:
		return Prohibited
	case unix.RTN_BLACKHOLE:
		return Blackholed
	}
	return NoRoute
}

func (f *Follower) forward(dst netip.Addr, r netlink.Route) (Hop, error) {
	link, err := f.handle.LinkByIndex(r.LinkIndex)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return Hop{Kind: NoRoute}, nil // gone since; Changed follows
	}
	if err != nil {
		return Hop{}, fmt.Errorf("route to %s: %w", dst, err)
	}
	hop := hopOn(link)
	hop.Next = nextOf(dst, r)
	hop.Source = addrOf(r.Src)
	if r.MTU > 0 {
		hop.MTU = min(hop.MTU, r.MTU)
	}
	if !hop.Source.Is4() || hop.Source.IsUnspecified() {
		return Hop{Kind: NoRoute}, nil
	}
	if hop.Virtual, err = f.virtual(link); hop.Virtual && !f.policy.Load().allows(hop.Name) {
		hop.Kind = Virtual
	}
	return hop, err
}

func hopOn(link netlink.Link) Hop {
	a := link.Attrs()
	hop := Hop{Ifindex: a.Index, Name: a.Name, MTU: a.MTU, L3: a.EncapType != "ether"}
	if !hop.L3 {
		copy(hop.SrcMAC[:], a.HardwareAddr)
	}
	return hop
}

// nextOf gives the gateway, or the destination where it is on the link.
func nextOf(dst netip.Addr, r netlink.Route) netip.Addr {
	if via, ok := r.Via.(*netlink.Via); ok {
		return addrOf(via.Addr)
	}
	if gw := addrOf(r.Gw); gw.IsValid() {
		return gw
	}
	return dst
}

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
