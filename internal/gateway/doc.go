// Package gateway is the networks' own station on the wire: the router behind
// the gateway address, and the hand that takes DHCP and DNS to their services.
//
// # Theory of operation
//
// Router is the dataplane's Handler. A frame that a guest sends to the
// gateway's MAC takes the first branch that fits:
//
//	DHCP request ─────────────────► dhcpd, on the service's goroutine
//	not IPv4 ─────────────────────► ARP to the host port; the rest dropped, not-routed
//	source-routed ────────────────► dropped, source-route
//	source outside the network ───► dropped, bad-source
//	gateway address, UDP port 53 ─► dnsfwd, on the service's goroutine
//	gateway address ──────────────► host port
//	multicast, broadcast, … ──────► dropped, local-scope
//	own subnet ───────────────────► dropped, own-subnet
//	another address of the host ──► host port
//	the network is isolated ──────► dropped, refused
//	anything else ────────────────► next hop, TTL, may it go there?, MTU, then
//	                     mode nat    nat.Outbound, uplink
//	                     route, open the uplink, or the bridge of another network
//
// What comes in on an uplink for a guest of a routed network goes to that guest; the
// rest is nat.Inbound's. Mode says who may go where, as libvirt's rules do.
//
// From the host only its own packets enter: what it would forward to guests, for
// a neighbour or a container, is dropped as bad-source, since in nat mode
// connections are opened from inside. A routed network takes it.
//
// The host port is the only way to the host's stack, and nothing that is not
// the host's own is ever written there: a forwarding host would route it with
// its own rules.
//
// Next hops come from a cache that a slow path outside of the worker fills
// (Config.Resolve asks, SetHop answers). A few frames wait for an answer; a
// change in the host's routing makes cached answers stale: they are used while
// they are asked for again, so that a route change costs no packet.
//
// A flow that nat offers is put into the kernel together with its way (Kernel), which
// does it from then on. Whatever may make a way untrue (routes, next hops, policy, MTU)
// sends the packets of all flows here again, and hops that only the kernel uses are kept
// fresh as if packets came.
//
// Replies of the services, and ICMP errors, are complete frames made here, with
// finished checksums: strict clients (iPXE, OVMF) accept them.
//
// # Concurrency
//
// Router belongs to the worker's goroutine; Post and Do reach it. DHCPServer has
// a goroutine of its own, which owns the engine and the lease file: a lease is
// on disk before its ACK is posted to the worker. A request that finds the
// service's queue full is dropped as service-busy; clients retry.
//
// # Standards
//
// RFC 1812 (requirements for IPv4 routers: §4.3.2.7 on ICMP rate, §5.2.7 on
// errors, §5.3.1 on TTL), RFC 1191 (path MTU), RFC 2131 §4.1 (how DHCP replies
// are addressed), RFC 2663 and RFC 5508 by way of package nat.
package gateway
