package gateway

import (
	"maps"
	"net/netip"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
	"ubridge/nat"
)

// Network is what the router knows of one network.
type Network struct {
	Bridge  dataplane.BridgeID
	Mode    Mode
	Station wire.MAC     // the gateway's MAC
	Gateway wire.IP4     // the gateway's address
	Subnet  netip.Prefix // IPv4, masked
	MTU     int          // of the guests, in bytes of IP packet
	Egress  []int32      // interface indices of virtual networks that guests may reach

	// Uplink is the interface index of the only device by which packets leave and
	// come in; 0 for any, NoDevice for one that is not there.
	Uplink int32

	KernelFlows bool // established flows may be done by the kernel, see SetKernel

	// DHCP takes a request: the port it came in on, who sent the frame, and the
	// UDP payload, which it may keep. It reports whether it did. Nil where the
	// network has no DHCP.
	DHCP func(in dataplane.PortID, src wire.MAC, payload []byte) bool

	// DNS takes a query; reply may be called once, from any goroutine. Nil where
	// the network has no DNS.
	DNS func(from netip.AddrPort, query []byte, reply func([]byte)) bool
}

// network is a Network with the router's own state.
type network struct {
	Network
	mask uint32
	base uint32
}

// Config is what a router works with.
type Config struct {
	NAT *nat.Table

	// Resolve asks the slow path for the next hop to dst, which it answers by
	// SetHop, on behalf of a guest on port in. It does not block; false means
	// that the question was not taken.
	Resolve func(in dataplane.PortID, dst wire.IP4) bool

	// Local reports whether an address is one of the host's own. It is called on
	// the packet path. Nil: only the gateways are.
	Local func(addr wire.IP4) bool
}

// Router is the dataplane's Handler for networks that have a gateway.
type Router struct {
	cfg       Config
	nets      []*network                 // by BridgeID
	routed    []*network                 // those of mode route and open
	devices   map[dataplane.PortID]int32 // interface indices of the uplinks
	hops      hops
	errors    buckets     // of ICMP errors
	fragments frame.Drops // of the table, as counted last
	pkt       nat.Packet  // scratch, so that translating does not allocate
	kernel    Kernel      // nil for nobody
	flow      Flow        // scratch likewise
}

var _ dataplane.Handler = (*Router)(nil)

// NewRouter makes a router without networks.
func NewRouter(cfg Config) *Router {
	return &Router{cfg: cfg, hops: newHops(), devices: map[dataplane.PortID]int32{}}
}

// NAT is the router's translation table, for use inside Do.
func (r *Router) NAT() *nat.Table { return r.cfg.NAT }

// AddNetwork makes the router serve a bridge.
func (r *Router) AddNetwork(cfg Network) {
	for len(r.nets) <= int(cfg.Bridge) {
		r.nets = append(r.nets, nil)
	}
	base := wire.IP4(cfg.Subnet.Masked().Addr().As4()).Uint32()
	mask := ^uint32(0) << (32 - cfg.Subnet.Bits())
	r.nets[cfg.Bridge] = &network{Network: cfg, base: base, mask: mask}
	r.listRouted()
}

// listRouted keeps the list of routed networks in step.
func (r *Router) listRouted() {
	r.routed = nil
	for _, n := range r.nets {
		if n != nil && n.routed() {
			r.routed = append(r.routed, n)
		}
	}
}

// RemoveNetwork forgets a bridge and its flows.
func (r *Router) RemoveNetwork(now dataplane.Time, br dataplane.BridgeID) {
	r.cfg.NAT.Flush(seconds(now), uint16(br))
	r.nets[br] = nil
	r.listRouted()
	r.reroute()
}

// DropOutside ends the flows of an outside address that the host lost, and
// forgets the ways that would still use it.
func (r *Router) DropOutside(now dataplane.Time, addr wire.IP4) {
	r.cfg.NAT.DropOutside(seconds(now), addr)
	uses := func(_ wire.IP4, e entry) bool { return e.hop.State == HopReady && e.hop.Outside == addr }
	maps.DeleteFunc(r.hops.recent, uses)
	maps.DeleteFunc(r.hops.older, uses)
}

// SetEgress replaces the virtual networks that guests of br may reach.
func (r *Router) SetEgress(br dataplane.BridgeID, devices []int32) {
	if n := r.network(br); n != nil {
		n.Egress = devices
		r.reroute()
	}
}

// SetUplink replaces the device that br is bound to; see Network.Uplink.
func (r *Router) SetUplink(br dataplane.BridgeID, device int32) {
	if n := r.network(br); n != nil {
		n.Uplink = device
		r.reroute()
	}
}

// AddUplink tells of which device a port is the uplink, and RemoveUplink that the
// port is gone.
func (r *Router) AddUplink(port dataplane.PortID, device int32) { r.devices[port] = device }

// RemoveUplink forgets an uplink.
func (r *Router) RemoveUplink(port dataplane.PortID) {
	delete(r.devices, port)
	r.reroute()
}

func (r *Router) network(br dataplane.BridgeID) *network {
	if int(br) >= len(r.nets) {
		return nil
	}
	return r.nets[br]
}

// FromBridge implements dataplane.Handler.
func (r *Router) FromBridge(c *dataplane.Cycle, br dataplane.BridgeID, in dataplane.PortID, which []uint16) {
	n := r.network(br)
	fromHost := c.Worker().Bridge(br).HostPort() == in
	for _, i := range which {
		switch {
		case n == nil:
			c.Drop(i, frame.NotRouted)
		case fromHost:
			r.fromHost(c, n, i)
		default:
			r.fromGuest(c, n, i)
		}
	}
}

// FromUplink implements dataplane.Handler.
func (r *Router) FromUplink(c *dataplane.Cycle, _ dataplane.PortID, which []uint16) {
	for _, i := range which {
		r.fromOutside(c, i)
	}
}

// expireBudget is how many entries of the NAT tables one tick looks at: at ten
// ticks a second a table of 262,144 sessions is walked in a few seconds.
const expireBudget = 8192

// Tick implements dataplane.Handler.
func (r *Router) Tick(c *dataplane.Cycle) (waiting bool) {
	r.cfg.NAT.Expire(seconds(c.Now), expireBudget)
	r.expireWaiting(c)
	r.countFragments(c)
	r.keepWays(c)
	return len(r.hops.waiting) > 0
}

// countFragments counts fragments that the table kept in vain.
func (r *Router) countFragments(c *dataplane.Cycle) {
	now := r.cfg.NAT.Drops()
	for reason, n := range now {
		if was := r.fragments[reason]; n > was {
			c.CountRouter(frame.Reason(reason), n-was)
		}
	}
	r.fragments = now
}

// seconds is the worker's time in the unit of package nat.
func seconds(t dataplane.Time) nat.Time { return nat.Time(t.Seconds()) }
