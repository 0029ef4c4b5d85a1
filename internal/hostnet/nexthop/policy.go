package nexthop

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// policy says by name which devices are virtual and which are allowed anyway.
type policy struct {
	hostPorts, egress map[string]bool
}

func newPolicy(hostPorts, egress []string) *policy {
	return &policy{set(hostPorts), set(egress)}
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// virtual reports that the device leads to a network of this host only: one of
// our own, or a bridge by which no default route leaves (docker0, virbr1). A
// bridge that carries the host's uplink is the way out.
func (f *Follower) virtual(link netlink.Link) (bool, error) {
	if f.policy.Load().hostPorts[link.Attrs().Name] {
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
	routes, err := f.routes(unix.RT_TABLE_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list default routes: %w", err)
	}
	devices := map[int]bool{}
	for _, r := range routes {
		if r.Dst != nil {
			if ones, _ := r.Dst.Mask.Size(); ones != 0 {
				continue
			}
		}
		devices[r.LinkIndex] = true
		for _, hop := range r.MultiPath {
			devices[hop.LinkIndex] = true
		}
	}
	f.defaults.Store(&devices)
	return devices, nil
}
