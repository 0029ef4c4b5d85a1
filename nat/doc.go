// Package nat translates the flows of guests to addresses of the host and back:
// network address and port translation with connection tracking.
//
// # Theory of operation
//
//	guest → Outbound ─ parse ─┬─ session found ─────────── touch ─┐
//	                          └─ open: mapping, port, session ────┴─ rewrite source → uplink
//	uplink → Inbound ─ parse ─┬─ session found ─ touch ─ rewrite destination → guest
//	                          ├─ ICMP error about a session ─ rewrite it and what it quotes
//	                          └─ NoMapping (the host's) or Filtered
//
// A Mapping gives an inside endpoint (network, protocol, address, port, and the
// outside address that its route chose) one outside port, the same for all
// remotes. A Session is a mapping and one remote endpoint; only packets of a
// session come in. So mapping is endpoint-independent and filtering address-
// and port-dependent. An outside port belongs to one mapping at a time, whatever
// the outside address. Each session stands in two indices, one for either
// direction, so that an established packet costs one lookup and touches one
// index word and one session, a cache line each.
//
// A mapping outlives its last session: its port is kept for a quarantine, during
// which the same endpoint gets it back and nobody else does. Config.PortBits
// tells the kernel which ports are held; its bit is set before the first packet
// leaves and cleared when the quarantine ends.
//
// Time is whole seconds, given by the caller. What is over ends when a lookup
// meets it or when Expire sweeps by, whichever is first, and in either case as
// of the moment it was due.
//
// # Fairness
//
// A guest is an inside address of a network. It may take another outside port,
// mapping, session or piece of fragment memory only while it holds fewer than
// are left; beyond that it gives up its own: first ports that no session uses,
// then its least recently used sessions of those that are not established, then
// established ones idle for longer than RFC 5382 demands. Where all that it has
// is established, it takes an idle or unestablished port from the guest that has
// most of those, within bounds. No guest ever loses an established flow to
// another.
//
// # TCP
//
// States are those of the kernel's conntrack, and so are the timeouts. Sequence
// numbers are not tracked: a RST closes whatever its number, but for ten seconds
// only its time runs down, and an ACK from the guest takes the RST back, since a
// connection that was really reset sends none (RFC 7857 §2.2). A segment from
// the middle of a stream opens a session from inside, as with the kernel's
// nf_conntrack_tcp_loose, and none from outside.
//
// # Fragments
//
// The first fragment is translated as a packet; a record of it translates the
// others. Those that come earlier are copied, and handed out behind it by
// NextReleased. Nothing is reassembled and overlaps are not looked for. The
// identification is kept, so that two guests could use the same one towards one
// remote at one time, as behind any translator.
//
// # Flows that somebody else does
//
// Once a flow is established its packets need nothing but to be rewritten the same way
// and to renew its time. Packet.Offered names such a flow to the caller, who may have the
// kernel do it (Kernel, SetKernel, Taken). What opens or ends one still comes here, and
// whatever changes it recalls it first. Before a session is judged by its time, the
// Kernel is asked when it used it.
//
// # Memory that outlives the process
//
// Sessions and mappings are pointer-free structs in slices that the caller may
// have mapped from a file. A sequence word marks one that is being written.
// Lists, indices, counts and free slots are private to the process and built by
// New. A mapping is stored before its sessions and ended after them, so that a
// kill at any moment leaves at worst a mapping without sessions, which New
// quarantines, or a torn entry, which New drops.
//
// # What it does not do
//
// It does not route, decrement TTL, compare with an MTU, judge destinations,
// verify checksums, translate back to the inside what a guest sends to an
// outside address (hairpin), or count bytes per flow, which would write to a
// cache line per packet that is now only read.
//
// # Concurrency
//
// A Table belongs to one goroutine. It starts none, holds no lock and reads no
// clock. The packet path allocates nothing.
//
// # Standards
//
// RFC 4787 (UDP): REQ-1, -2, -4 not (parity is not kept), -5, -6, -8, -11, -12,
// -14. RFC 5382 (TCP): REQ-1, -2, -5, -9, -10. RFC 5508 (ICMP): REQ-1, -4 to -6.
// RFC 7857: §2.2. RFC 3022 (checksums), RFC 1624 (deltas), RFC 768 (UDP checksum
// zero), RFC 791, 1858 and 3128 (fragments), RFC 792 (errors).
package nat
