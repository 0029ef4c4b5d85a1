// Package dhcpd is a DHCPv4 server without sockets: it takes the UDP payload
// of a packet that was sent to port 67 and a time, and gives the reply, where
// to send it, and what has to be on disk before it is sent.
//
// # Theory of operation
//
// An [Engine] serves one subnet. Every address of its pool is in exactly one
// of these conditions:
//
//	fresh ──DISCOVER──▶ offered ──REQUEST──▶ leased ──expiry, RELEASE──▶ former
//	  ▲                    │ 60 s              │ DECLINE                    │
//	  └────────────────────┴───────── 600 s ── quarantined                  │
//	                                           a former holder comes back, or
//	                                           nothing fresh is left: offered
//
// A former lease is the memory of who had the address: its holder gets it back
// for as long as nobody else needed it. For a client that was never seen the
// choice starts at a hash of its hardware address, so the same guest tends to
// get the same address even where all memory was lost; then the next fresh
// address, then the longest-expired former one, then the oldest offer that
// nobody took up. A live lease is never taken from its holder.
//
// # Who is who
//
// A client is its client identifier (option 61) together with its hardware
// address. RFC 2131 §4.2 knows the identifier alone, which gives all clones of
// one disk image the same address (they share a machine-id and so a DUID).
// Here an identifier whose live lease belongs to another hardware address
// counts as a clone: it gets a lease of its own and [Result.SharedWith] says
// whose identifier it uses. Once that lease is over, the identifier may move
// to the new hardware address and take the old address along, as the RFC has
// it. The price: a guest that really changed its hardware address gets its old
// address back only after the old lease ended. As in dnsmasq, a client that
// sends no identifier is recognised by its hardware address, so that iPXE and
// the system it boots share one lease.
//
// # Authority
//
// The engine is the only server of its subnet, as dnsmasq is under libvirt
// (dhcp-authoritative): a REQUEST from a client it has no record of is
// acknowledged if the address is free and refused with a NAK if not, where
// RFC 2131 §4.3.2 would have a server that may be one of several stay silent.
// No address is probed before it is offered.
//
// # Hostile clients
//
// Memory is bounded by the size of the pool plus the number of reservations:
// each offer, lease, former lease and quarantine occupies an address, and
// nothing is kept for a client without one. Choosing an address reads one bit
// per pool address at worst. Only the holder of a live lease can decline or
// release it. A client may announce a name, but never one that a reservation
// owns, and a renewal never takes a name from another client.
//
// # Durability
//
// [Result.Changes] must be applied to the store (package leasefile) before
// [Result.Reply] is sent. Several requests may be handled first and their
// changes applied together; the replies then follow that one write. Offers and
// quarantines are not durable: the first are promises of a minute, the second
// are found again by the client's own conflict detection.
//
// # Concurrency
//
// An Engine is owned by one goroutine. It keeps no reference to the bytes that
// it is given, and the bytes that it returns are the caller's.
//
// # Standards
//
// RFC 2131 (messages §3, §4.1 addressing, §4.3 server behaviour), RFC 2132
// (options), RFC 3396 (long options), RFC 3046 §2.2 (relay agent option is
// returned), RFC 6842 (client identifier is returned). Deliberately absent:
// BOOTP clients, rapid commit, the FQDN option (RFC 4702), boot files.
package dhcpd
