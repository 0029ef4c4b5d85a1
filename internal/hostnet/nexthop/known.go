package nexthop

import (
	"fmt"
	"net/netip"
)

// Known is Resolve that never waits: known is false where the next hop's MAC is
// not in the neighbour table. Then nothing was asked of the kernel either, so
// that a guest which scans a network on the link fills no table of the host.
func (f *Follower) Known(dst netip.Addr) (hop Hop, known bool, err error) {
	hop, err = f.Route(dst)
	if err != nil || hop.Kind != Forward || hop.L3 {
		return hop, true, err
	}
	hop.MAC, known, err = f.present(hop.neighbour())
	if err != nil {
		return Hop{}, true, fmt.Errorf("look %s on %s up: %w", hop.Next, hop.Name, err)
	}
	return hop, known, nil
}

// present returns the neighbour's MAC if the kernel has it, and has the kernel
// confirm an old one.
func (f *Follower) present(n neighbour) (mac [6]byte, known bool, err error) {
	if r, err := f.read(n); err != nil || !r.valid() {
		return mac, false, err
	}
	changed := f.await(n) // before the look, so that no change is missed
	r, err := f.read(n)
	if err != nil || !r.valid() {
		return mac, false, err
	}
	if r.state&settled == 0 {
		if err := f.ask(n); err != nil {
			return mac, false, err
		}
	}
	return r.mac, f.give(n, r.mac, changed), nil
}
