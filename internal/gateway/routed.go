package gateway

import (
	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// pass sends a packet of a guest, or of the router itself, to its next hop as it
// is but for its TTL.
func (r *Router) pass(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4, hop Hop) {
	switch {
	case !hop.Inside && hop.Port == dataplane.NoPort:
		c.Drop(i, frame.UplinkDown)
	case tooLong(f, ip, hop.MTU):
		r.icmpError(c, n, f.Ethernet(), ip, wire.ICMPUnreachable, wire.ICMPCodeFragNeeded, uint32(hop.MTU))
		c.Drop(i, frame.NeedsFrag)
	default:
		r.emit(c, i, f, ip, hop)
	}
}

// tooLong reports whether a packet neither fits an MTU nor may be cut to it.
func tooLong(f *frame.Frame, ip wire.IPv4, mtu int32) bool {
	return longest(f, ip) > int(mtu) && (ip.DontFragment() || f.Offload.IsGSO())
}

// routedTo is the routed network with a guest of address a; nil for none.
func (r *Router) routedTo(a wire.IP4) *network {
	for _, n := range r.routed {
		if n.contains(a) {
			return n
		}
	}
	return nil
}

// inside reports whether a lies in a network of ours.
func (r *Router) inside(a wire.IP4) bool {
	for _, n := range r.nets {
		if n != nil && n.inSubnet(a) {
			return true
		}
	}
	return false
}

// inward routes a packet that came in on an uplink to a guest of the routed
// network n.
func (r *Router) inward(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4) {
	src, dst := ip.Src(), ip.Dst()
	switch {
	case f.Ethernet().Dst().IsGroup(): // nobody routes what was sent to all (RFC 1812 §5.3.4)
		c.Drop(i, frame.LocalScope)
		return
	case !routable(src) || r.inside(src) || r.local(src):
		c.Drop(i, frame.BadSource)
		return
	case !r.mayEnterBy(n, c.In()):
		r.rejectInward(c, n, i, f, ip, wire.ICMPCodeProhibited, frame.Refused)
		return
	case ip.TTL() <= 1:
		r.errorOutside(c, n, f.Ethernet(), ip, wire.ICMPTimeExceeded, 0, 0)
		c.Drop(i, frame.TTLExceeded)
		return
	}
	hop := r.lookup(c, dst)
	switch {
	case hop.State == HopUnknown:
		r.hold(c, dataplane.NoBridge, i, dst)
	case hop.State == HopUnresolved:
		r.rejectInward(c, n, i, f, ip, wire.ICMPCodeHost, frame.NeighbourFailed)
	case hop.State != HopReady || !hop.Inside || hop.Bridge != n.Bridge:
		r.rejectInward(c, n, i, f, ip, wire.ICMPCodeNet, frame.NoRoute) // the host has another way there
	case tooLong(f, ip, int32(n.MTU)):
		r.errorOutside(c, n, f.Ethernet(), ip, wire.ICMPUnreachable, wire.ICMPCodeFragNeeded, uint32(n.MTU))
		c.Drop(i, frame.NeedsFrag)
	default:
		hop.MTU = int32(n.MTU)
		r.emit(c, i, f, ip, hop)
	}
}

// rejectInward drops a packet from outside and tells its sender.
func (r *Router) rejectInward(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4, code byte, reason frame.Reason) {
	r.errorOutside(c, n, f.Ethernet(), ip, wire.ICMPUnreachable, code, 0)
	c.Drop(i, reason)
}

// errorOutside is icmpError about a packet that came from outside for a guest of
// the routed network n. It takes the way of a guest's packet.
func (r *Router) errorOutside(c *dataplane.Cycle, n *network, eth wire.Ethernet, ip wire.IPv4, typ, code byte, info uint32) {
	if !answerable(eth, ip) || !r.errors.take(c.Now, c.In(), icmpRate) {
		return
	}
	if j, ok := originateError(c, n.Station, n.Station, n.Gateway, ip, typ, code, info); ok {
		r.fromGuest(c.Own(), n, j)
	}
}
