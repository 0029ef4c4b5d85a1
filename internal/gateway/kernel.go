package gateway

import (
	"ubridge/dataplane"
	"ubridge/internal/wire"
	"ubridge/nat"
)

// Flow is a flow with its way, for who does flows alone (Kernel).
type Flow struct {
	nat.Offer
	Guest, Station wire.MAC // the guest's address and its network's own
	GuestMTU       int      // bytes of packet

	Uplink          int32    // interface index
	NextHop, Source wire.MAC // on the wire outside
	MTU             int      // of the way, bytes of packet
	OnlyUplink      bool     // answers that come in by another device are not the guest's
}

// Kernel does established flows alone, packet by packet without the router.
type Kernel interface {
	nat.Kernel

	// Put lets it do a flow and reports whether it does. It keeps nothing of f.
	Put(f *Flow) bool
	// Reroute sends packets of all flows to the router again, until each is put anew.
	Reroute()
}

// SetKernel names who does flows alone; nil for nobody.
func (r *Router) SetKernel(k Kernel) {
	r.kernel = k
	r.cfg.NAT.SetKernel(k)
}

// offer lets the kernel do the flow of a packet that is about to leave by hop.
func (r *Router) offer(n *network, p *nat.Packet, hop *Hop) {
	if p.Offered == 0 || r.kernel == nil || !n.KernelFlows || hop.Dst.IsZero() || hop.Src.IsZero() {
		return
	}
	r.flow = Flow{
		Offer: r.cfg.NAT.Offer(p.Offered), Guest: p.Guest.MAC, Station: n.Station, GuestMTU: n.MTU,
		Uplink: hop.Device, NextHop: hop.Dst, Source: hop.Src, MTU: int(hop.MTU), OnlyUplink: n.Uplink != 0,
	}
	if r.kernel.Put(&r.flow) {
		r.cfg.NAT.Taken(&r.flow.Offer)
	}
}

// reroute has the kernel ask again, since what it was told may not be true any more.
func (r *Router) reroute() {
	if r.kernel != nil {
		r.kernel.Reroute()
	}
}

const (
	carriedWithin = 15 // seconds; a hop in use is asked for again as often
	carriedBudget = 4096
)

// keepWays keeps the hops fresh that only the kernel uses.
func (r *Router) keepWays(c *dataplane.Cycle) {
	if r.kernel == nil {
		return
	}
	r.cfg.NAT.Carried(seconds(c.Now), carriedWithin, carriedBudget, func(remote wire.IP4) { r.lookup(c, remote) })
}
