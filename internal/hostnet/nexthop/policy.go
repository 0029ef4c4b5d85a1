package nexthop

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Policy says by name which devices are virtual and which are allowed anyway.
type Policy struct {
	HostPorts []string // of all our networks: virtual
	Egress    []string // devices that guests may use although they are virtual
	All       bool     // guests may use every virtual device
}

// allows reports whether guests may use a virtual device.
func (p *Policy) allows(device string) bool { return p.All || slices.Contains(p.Egress, device) }

// virtual reports that the device leads to a network of this host only: one of
// our own, or a bridge by which no default route leaves (docker0, virbr1). A
// bridge that carries the host's uplink is the way out.
func (f *Follower) virtual(link netlink.Link) (bool, error) {
	if slices.Contains(f.policy.Load().HostPorts, link.Attrs().Name) {
		return true, nil
	}
	if !slices.Contains([]string{"bridge", "openvswitch"}, link.Type()) {
		return false, nil
	}
	defaults, err := f.defaultDevices()
	return !defaults[link.Attrs().Index], err
}

// defaultDevices lists the devices of IPv4 default routes in any table; the
// answer is kept until a route changes.
func (f *Follower) defaultDevices() (map[int]bool, error) {
	if known := f.defaults.Load(); known != nil {
		return *known, nil
	}
	devices, err := f.routeDevices(isDefault)
	if err != nil {
		return nil, fmt.Errorf("list default routes: %w", err)
	}
	f.defaults.Store(&devices)
	return devices, nil
}

func isDefault(r netlink.Route) bool {
	if r.Dst == nil {
		return true
	}
	ones, _ := r.Dst.Mask.Size()
	return ones == 0
}

// routeDevices are the devices of the IPv4 routes of any table that pick likes.
func (f *Follower) routeDevices(pick func(netlink.Route) bool) (map[int]bool, error) {
	routes, err := f.routes(unix.RT_TABLE_UNSPEC)
	if err != nil {
		return nil, err
	}
	devices := map[int]bool{}
	for _, r := range routes {
		if !pick(r) {
			continue
		}
		devices[r.LinkIndex] = true
		for _, hop := range r.MultiPath {
			devices[hop.LinkIndex] = true
		}
	}
	delete(devices, 0) // of routes with several next hops
	return devices, nil
}

// Device is a device by which packets come in from elsewhere.
type Device struct {
	Ifindex int
	Name    string
	L3      bool // no Ethernet header
}

// Entries lists the devices by which others than the host may send to a network of
// ours: those that any IPv4 route leaves by, whether or not the answers take the same
// one. Our own networks and, unless the policy allows them all, virtual ones are none.
func (f *Follower) Entries() (list []Device, err error) {
	devices, err := f.routeDevices(func(r netlink.Route) bool { return r.Type == unix.RTN_UNICAST })
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	policy := f.policy.Load()
	for _, index := range slices.Sorted(maps.Keys(devices)) {
		link, err := f.handle.LinkByIndex(index)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			continue // gone since
		}
		if err != nil {
			return nil, fmt.Errorf("list devices with routes: %w", err)
		}
		virtual, err := f.virtual(link)
		if err != nil {
			return nil, err
		}
		a := link.Attrs()
		if a.RawFlags&unix.IFF_LOOPBACK == 0 && (!virtual || policy.All && !slices.Contains(policy.HostPorts, a.Name)) {
			list = append(list, Device{Ifindex: index, Name: a.Name, L3: a.EncapType != "ether"})
		}
	}
	return list, nil
}
