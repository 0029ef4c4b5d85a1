package gateway

import (
	"slices"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// Mode says what becomes of packets between a network's guests and the world
// beyond the host. Who reaches whom is as libvirt's firewall rules have it
// (src/network/network_iptables.c): their chains ask first whether the network of
// the destination lets the packet in, then whether that of the source lets it out.
type Mode uint8

// Modes of a network.
const (
	NAT      Mode = iota // out translated, in only what belongs to a flow
	Isolated             // neither out nor in
	Route                // out and in as it is, from and to the network's subnet
	Open                 // out and in as it is, whatever its source
)

// NoDevice stands for a device that is not there now.
const NoDevice int32 = -1

// routed reports whether packets pass to and from the network's guests as they are.
func (n *network) routed() bool { return n.Mode == Route || n.Mode == Open }

// local reports whether a is one of the host's own addresses.
func (r *Router) local(a wire.IP4) bool { return r.cfg.Local != nil && r.cfg.Local(a) }

// trusts reports whether a guest of n may send from src. In mode open that is
// whoever is not the host, as no rule of libvirt's is there to ask: guests may
// route for networks behind them.
func (r *Router) trusts(n *network, src wire.IP4) bool {
	return n.contains(src) || n.Mode == Open && routable(src) && !n.inSubnet(src) && !r.local(src)
}

// confined decides a packet that a guest of an isolated network sends beyond it:
// only the host is there.
func (r *Router) confined(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4) {
	if r.local(ip.Dst()) {
		c.ToHost(i, n.Bridge)
		return
	}
	r.refuse(c, n, i, f, ip)
}

// refuse answers a packet to where the network's guests may not go.
func (r *Router) refuse(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4) {
	r.icmpError(c, n, f.Ethernet(), ip, wire.ICMPUnreachable, wire.ICMPCodeProhibited, 0)
	c.Drop(i, frame.Refused)
}

// mayLeave reports whether packets of n's guests may take a hop that is ready:
//
//	uplink given                  by that device only
//	another network of ours       if that one is routed and lets any device in; a nat
//	                              network names others in egress
//	a virtual network of the host if open, or named in egress
//	anything else                 yes
func (r *Router) mayLeave(n *network, hop *Hop) bool {
	switch {
	case n.Uplink != 0 && hop.Device != n.Uplink:
		return false
	case hop.Inside:
		to := r.network(hop.Bridge)
		return to != nil && (to.routed() && to.Uplink == 0 || n.Mode == NAT && slices.Contains(n.Egress, hop.Device))
	case hop.Virtual:
		return n.Mode == Open || slices.Contains(n.Egress, hop.Device)
	}
	return true
}

// mayEnterBy reports whether packets to n's guests may come in on an uplink.
func (r *Router) mayEnterBy(n *network, in dataplane.PortID) bool {
	return n.Uplink == 0 || r.devices[in] == n.Uplink
}

// mayEnter reports whether the host may send ip to n's guests: what is its own,
// and to a routed network also what it forwards for others. A network that is
// bound to an uplink gets that from there only, and by FromUplink.
func (r *Router) mayEnter(n *network, ip wire.IPv4) bool {
	src := ip.Src()
	if src == n.Gateway || r.local(src) {
		return true
	}
	return n.Uplink == 0 && (n.Mode == Open || n.Mode == Route && n.contains(ip.Dst()) && !n.inSubnet(src))
}
