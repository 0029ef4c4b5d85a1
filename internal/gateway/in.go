package gateway

import (
	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
	"ubridge/nat"
)

// fromHost decides frame i, which the host's stack sent to the guests of n: its
// own may enter. A host that forwards also sends what its neighbours or its
// containers send, which only a routed network lets in.
func (r *Router) fromHost(c *dataplane.Cycle, n *network, i uint16) {
	ip, ok := wire.ParseIPv4Header(c.Frame(i).Ethernet().Payload())
	switch {
	case !ok:
		c.Drop(i, frame.BadIP)
	case r.mayEnter(n, ip):
		c.ToBridge(i, n.Bridge)
	default:
		c.Drop(i, frame.BadSource)
	}
}

// fromOutside decides frame i, which came in on an uplink.
func (r *Router) fromOutside(c *dataplane.Cycle, i uint16) {
	f := c.Frame(i)
	if f.Len() < wire.EthernetLen {
		c.Drop(i, frame.Runt)
		return
	}
	if f.Offload != (frame.Offload{}) && !f.Offload.Valid(f.Len()) {
		c.Drop(i, frame.BadOffload)
		return
	}
	untag(f)
	if f.Ethernet().Type() != wire.TypeIPv4 {
		c.Drop(i, frame.NotRouted)
		return
	}
	ip, refused := admit(f)
	if refused != frame.Forwarded {
		c.Drop(i, refused)
		return
	}
	if n := r.routedTo(ip.Dst()); n != nil {
		r.inward(c, n, i, f, ip)
		return
	}
	r.translateBack(c, i, f, ip)
}

// translateBack sends a packet that came in for a flow to the flow's guest.
func (r *Router) translateBack(c *dataplane.Cycle, i uint16, f *frame.Frame, ip wire.IPv4) {
	if ip.TTL() <= 1 {
		c.Drop(i, frame.TTLExceeded)
		return
	}
	p := &r.pkt
	*p = nat.Packet{L3: ip, L3Offset: wire.EthernetLen, Offload: &f.Offload}
	if reason := r.cfg.NAT.Inbound(seconds(c.Now), p); reason != frame.Forwarded {
		c.Drop(i, reason)
		return
	}
	n := r.network(dataplane.BridgeID(p.Guest.Network))
	switch {
	case p.Held:
	case n == nil:
		c.Drop(i, frame.NoMapping)
	case !r.mayEnterBy(n, c.In()):
		c.Drop(i, frame.Filtered)
	default:
		r.toGuest(c, n, i, f, ip, p.Guest.MAC)
		r.released(c, func(own *dataplane.Cycle, j uint16, f *frame.Frame, ip wire.IPv4) {
			r.toGuest(own, n, j, f, ip, p.Guest.MAC)
		})
	}
}

// toGuest sends a translated packet to the guest with address mac.
func (r *Router) toGuest(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4, mac wire.MAC) {
	long := longest(f, ip) > n.MTU
	if long && (ip.DontFragment() || f.Offload.IsGSO()) {
		r.tooBigInside(c, n, ip, mac)
		c.Drop(i, frame.NeedsFrag)
		return
	}
	ip.DecTTL()
	eth := f.Ethernet()
	eth.SetDst(mac)
	eth.SetSrc(n.Station)
	if long {
		r.fragment(c, i, f, ip, n.MTU, func(own *dataplane.Cycle, j uint16) { own.ToBridge(j, n.Bridge) })
		return
	}
	c.ToBridge(i, n.Bridge)
}

// tooBigInside tells the remote that its packet ip, translated already, does not
// fit the guests' MTU. The error is made as if the guest had sent it, so that it
// is translated like one: the remote finds its own packet quoted.
func (r *Router) tooBigInside(c *dataplane.Cycle, n *network, ip wire.IPv4, mac wire.MAC) {
	if ip.FragmentOffset() != 0 || !r.errors.take(c.Now, c.In(), icmpRate) {
		return
	}
	j, ok := originateError(c, n.Station, mac, ip.Dst(), ip, wire.ICMPUnreachable, wire.ICMPCodeFragNeeded, uint32(n.MTU))
	if ok {
		r.fromGuest(c.Own(), n, j)
	}
}

// released sends the fragments that waited for the one just translated. They
// are copied into frames of their own: the table's memory is not a batch's.
func (r *Router) released(c *dataplane.Cycle, send func(own *dataplane.Cycle, j uint16, f *frame.Frame, ip wire.IPv4)) {
	for range r.pkt.Released {
		_, ok := r.cfg.NAT.NextReleased(&r.pkt)
		if !ok {
			return
		}
		j, f := c.Originate()
		if f == nil {
			c.Drop(0, frame.NoBuffer)
			continue
		}
		b := f.Grow(wire.EthernetLen + len(r.pkt.L3))
		wire.Ethernet(b).SetType(wire.TypeIPv4)
		copy(b[wire.EthernetLen:], r.pkt.L3)
		send(c.Own(), j, f, wire.IPv4(b[wire.EthernetLen:]))
	}
}
