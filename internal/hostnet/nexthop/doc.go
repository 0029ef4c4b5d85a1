// Package nexthop follows the host's routing: where a packet goes, by which
// device, to which MAC address, and when any of that has changed.
//
// # Theory of operation
//
// We send at layer 2, so we must decide ourselves what the host's IP layer
// would: ask for the route (RTM_GETROUTE, so that rules, metrics and VPNs count
// exactly as they do for the host), refuse what may not be reached, and have
// the kernel resolve the next hop's MAC. Packet sockets do not refresh the
// neighbour table, so we ask for that too (NTF_USE).
//
//	worker ── miss ──→ slow path ── Resolve ──→ Hop ──→ worker's cache
//	   ↑                                                    │
//	   └── generation ←── Changed ←── Run ←── netlink ──────┘ Use
//
// A [Hop] is a snapshot. Whoever keeps one drops it when Changed has been called
// since before the Resolve that gave it. Changed comes for every change of a
// link, address, route, rule or next-hop object, and when the MAC of a Hop that
// was given changes or is lost. Ordinary ageing between REACHABLE and STALE is
// no change, nor is a neighbour that appears: what has no MAC yet should be
// asked for again by need, and not kept.
//
// A Hop stays in use for two minutes after the Resolve that gave it or the last
// [Follower.Use]; that long its neighbour entry is kept fresh, every ten
// seconds. Then it is forgotten, which counts as a change.
//
// When the kernel drops notifications (ENOBUFS) everything is read again and
// counts as changed.
//
// # Network namespaces and concurrency
//
// Open binds the Follower to the namespace of the calling thread; afterwards it
// may be used from any thread. Resolve blocks while a neighbour is resolved and
// may be called from several goroutines; Run is one goroutine, and calls the
// callbacks on it, which must not block. The set of local addresses is an
// immutable snapshot.
//
// # Standards and sources
//
// rtnetlink(7); linux/neighbour.h (NTF_USE, NUD states); RFC 1812 §5.2.4
// (next hop), §5.3.5 (broadcast); RFC 1191 (route MTU); RFC 5549 (an IPv4 route
// by an IPv6 neighbour).
package nexthop
