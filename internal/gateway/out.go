package gateway

import (
	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
	"ubridge/nat"
)

// fromGuest decides frame i, which a guest of n sent to the gateway's MAC or as
// a DHCP request.
func (r *Router) fromGuest(c *dataplane.Cycle, n *network, i uint16) {
	f := c.Frame(i)
	untag(f)
	switch f.Ethernet().Type() {
	case wire.TypeIPv4:
		r.ipFromGuest(c, n, i, f)
	case wire.TypeARP:
		c.ToHost(i, n.Bridge)
	case wire.TypeVLAN, wire.TypeQinQ:
		c.Drop(i, frame.ForeignTag)
	default:
		c.Drop(i, frame.NotRouted)
	}
}

func (r *Router) ipFromGuest(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame) {
	ip, refused := admit(f)
	if refused != frame.Forwarded {
		c.Drop(i, refused)
		return
	}
	if d, ok := datagram(ip); ok && r.service(c, n, i, f, ip, d) {
		return
	}
	switch dst := ip.Dst(); {
	case !r.trusts(n, ip.Src()) && !n.ownError(f, ip):
		c.Drop(i, frame.BadSource)
	case dst == n.Gateway:
		c.ToHost(i, n.Bridge)
	case !routable(dst) || dst == n.broadcast():
		c.Drop(i, frame.LocalScope)
	case n.inSubnet(dst):
		c.Drop(i, frame.OwnSubnet)
	case n.Mode == Isolated:
		r.confined(c, n, i, f, ip)
	default:
		r.forward(c, n, i, f, ip)
	}
}

// ownError reports whether f is an error that the router itself sends outside: a
// guest's frame with the gateway's MAC is no member's of the bridge.
func (n *network) ownError(f *frame.Frame, ip wire.IPv4) bool {
	return n.routed() && ip.Src() == n.Gateway && f.Ethernet().Src() == n.Station
}

// inSubnet reports whether a is in the network.
func (n *network) inSubnet(a wire.IP4) bool { return a.Uint32()&n.mask == n.base }

// broadcast is the network's directed broadcast address.
func (n *network) broadcast() wire.IP4 { return wire.IP4FromUint32(n.base | ^n.mask) }

// contains reports whether a is an address that a guest of the network may use.
func (n *network) contains(a wire.IP4) bool {
	return n.inSubnet(a) && a != n.Gateway && a != n.broadcast() && a.Uint32() != n.base
}

// routable reports whether a may be a destination beyond the link: not "this
// network" (0/8), loopback, link-local, multicast, reserved or broadcast (RFC
// 1812 §5.3.7, RFC 3927 §2.7).
func routable(a wire.IP4) bool {
	return a[0] != 0 && a[0] != 127 && a[0] < 224 && !(a[0] == 169 && a[1] == 254)
}

// datagram is the UDP datagram of a packet that is not a fragment.
func datagram(ip wire.IPv4) (wire.UDP, bool) {
	if ip.Proto() != wire.ProtoUDP || ip.IsFragment() {
		return nil, false
	}
	return wire.ParseUDP(ip.Payload())
}

// forward routes a packet to the outside, translated in mode nat.
func (r *Router) forward(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4) {
	eth := f.Ethernet()
	hop := r.lookup(c, ip.Dst())
	if hop.State == HopLocal { // which is no hop further, whatever the TTL
		c.ToHost(i, n.Bridge)
		return
	}
	if ip.TTL() <= 1 {
		r.icmpError(c, n, eth, ip, wire.ICMPTimeExceeded, 0, 0)
		c.Drop(i, frame.TTLExceeded)
		return
	}
	switch hop.State {
	case HopReady:
	case HopUnknown:
		r.hold(c, n.Bridge, i, ip.Dst())
		return
	default:
		r.unreachable(c, n, i, eth, ip, hop.State)
		return
	}
	switch {
	case n.ownError(f, ip) && !hop.Inside: // it answers who came in, by whichever device
		r.pass(c, n, i, f, ip, hop)
	case !r.mayLeave(n, &hop):
		r.refuse(c, n, i, f, ip)
	case n.routed():
		r.pass(c, n, i, f, ip, hop)
	default:
		hop.Inside = false // by the device's port: the answers come for the host's address there
		r.translate(c, n, i, f, ip, hop)
	}
}

// unreachable answers a packet to where there is no way.
func (r *Router) unreachable(c *dataplane.Cycle, n *network, i uint16, eth wire.Ethernet, ip wire.IPv4, s HopState) {
	code, reason := byte(wire.ICMPCodeNet), frame.NoRoute
	switch s {
	case HopUnresolved:
		code, reason = wire.ICMPCodeHost, frame.NeighbourFailed
	case HopRefused:
		code, reason = wire.ICMPCodeProhibited, frame.Refused
	case HopBlackhole:
		c.Drop(i, frame.LocalScope)
		return
	}
	r.icmpError(c, n, eth, ip, wire.ICMPUnreachable, code, 0)
	c.Drop(i, reason)
}

// translate masquerades a packet and sends it to its next hop.
func (r *Router) translate(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4, hop Hop) {
	if hop.Port == dataplane.NoPort {
		c.Drop(i, frame.UplinkDown)
		return
	}
	if tooLong(f, ip, hop.MTU) {
		r.icmpError(c, n, f.Ethernet(), ip, wire.ICMPUnreachable, wire.ICMPCodeFragNeeded, uint32(hop.MTU))
		c.Drop(i, frame.NeedsFrag)
		return
	}
	p := &r.pkt
	*p = nat.Packet{
		L3: ip, L3Offset: wire.EthernetLen, Offload: &f.Offload, Outside: hop.Outside,
		Guest: nat.Guest{Network: uint16(n.Bridge), MAC: f.Ethernet().Src()},
	}
	if reason := r.cfg.NAT.Outbound(seconds(c.Now), p); reason != frame.Forwarded {
		c.Drop(i, reason)
		return
	}
	if p.Held {
		return
	}
	r.offer(n, p, &hop)
	r.emit(c, i, f, ip, hop)
	r.released(c, func(own *dataplane.Cycle, j uint16, f *frame.Frame, ip wire.IPv4) { r.emit(own, j, f, ip, hop) })
}

// longest is the length in bytes of the longest IP packet that f becomes on the
// wire.
func longest(f *frame.Frame, ip wire.IPv4) int {
	if !f.Offload.IsGSO() {
		return len(ip)
	}
	headers, ok := f.Offload.Headers(f.Bytes())
	if !ok {
		return len(ip)
	}
	return headers - wire.EthernetLen + int(f.Offload.GSOSize)
}

// emit sends a packet to its next hop, in fragments where it is too
// long for the way.
func (r *Router) emit(c *dataplane.Cycle, i uint16, f *frame.Frame, ip wire.IPv4, hop Hop) {
	ip.DecTTL()
	eth := f.Ethernet()
	eth.SetDst(hop.Dst)
	eth.SetSrc(hop.Src)
	if !f.Offload.IsGSO() && len(ip) > int(hop.MTU) {
		r.fragment(c, i, f, ip, int(hop.MTU), func(own *dataplane.Cycle, j uint16) { hop.take(own, j) })
		return
	}
	hop.take(c, i)
}

// take sends frame i, whose addresses are the hop's, by the hop.
func (h *Hop) take(c *dataplane.Cycle, i uint16) {
	if h.Inside {
		c.ToBridge(i, h.Bridge)
		return
	}
	c.ToPort(i, h.Port)
}
