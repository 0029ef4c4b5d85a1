// Package fastpath lets the kernel forward what user space has decided before.
//
// # Theory of operation
//
// Every decision is user space's. What it has learned, that a station is behind a
// port or that a flow is translated in a certain way, it puts into maps; programs at
// the ports' devices look there, and what they find they do: they send the frame on
// to the other device without a copy. What they do not find, or what is not a plain
// case, goes to user space as if there were no fast path: unknown stations, groups,
// stations that have moved, held ports, fragments, options, the beginnings and ends
// of connections, frames too long for some port.
//
//	device ─► packet socket: filter ─ decides ─► ring ─► user space
//	   │                        └ decided
//	   └────► ingress: classifier ─ acts ──────► another device, or nowhere
//
// A packet socket sees a frame before the ingress hook does, so two programs see each
// frame, one behind the other on one processor. The filter decides and leaves its
// verdict for the classifier, which takes it if it is about the frame in hand: the
// two cannot disagree though a map changes in between, and the maps are searched
// once. Without a socket, that is, when the daemon is dead, the classifier decides.
//
// A new station is put in only when user space is done with its port, and may be held
// for that (Station.Held), so that the kernel does not overtake what is still in the
// ring; see internal/daemon, fastnew.go. What a pair of stations came to is kept for
// about a second in a small array of each processor, which spares the searches; a number
// that every change raises ends that at once.
//
//	port_filter, port       a guest's port
//	host                    the egress of the host's port: what the host sends
//	uplink_filter, uplink   an uplink: packets of flows that come in
//	nic_filter, uplink      a NIC that guests share with the host: what the LAN sends
//	nic_host                the egress of such a NIC: what the host sends
//
// The programs are fast.c, by idea in maps.h, packet.h, stations.h, flow.h and decide.h.
//
// # A shared NIC
//
// Package steer's Share leads the host's frames to a helper tap and guests' frames from
// there to the NIC's ingress; for the switch the host is behind the helper. The fast path
// is of the same view (SetNIC): nic_host judges what the host sends as if it came in by the
// helper, and runs before Share's program, which sees what is user space's. What is for the
// host goes to the NIC's ingress at once, with Share's tc_index, and nic_filter calls
// Share's filter for all that is new to it, so that this goes on to note who is on the LAN.
// One device may be such a NIC and an uplink: a port has both kinds then, with counters
// for each.
//
// # What guests may try
//
// A verdict is taken for the frame that it is about: device, length, Ethernet header and,
// of packets for the host or of flows, addresses and the transport header's first eight
// bytes are compared. An element of a map that is deleted while a program reads it may be
// another one's already: whose it is is read last. Segments of superframes are as long as
// the guest says, so that they are compared with the ports' MTU. A checksum that a guest
// has its device write across addresses or ports drops the frame (Counters.Bad).
//
// # What is true meanwhile
//
// Programs note when they saw a station (2^30 ns of CLOCK_MONOTONIC) and a flow, and
// count frames for each port. Whoever ages stations or flows, or shows counters,
// adds that: Stations, Used, Counters.
//
// A flow holds for one generation of the host's routing (Path.Reroute): when that
// changes, packets of all flows go to user space again, which finds the new way and
// puts them in again.
//
// # Life after death
//
// Classifiers that steer has attached hold their maps: when the daemon is killed, what is
// established goes on. Vouch tells them that it lives; after its time they note stations
// that are heard elsewhere, and send them nothing where they were. The next daemon finds
// the maps by the program at a device (Resume; that needs CAP_SYS_ADMIN, and without it
// counters and ages begin anew) and goes on with them.
//
// # Concurrency
//
// Learn, Forget, Put, Drop and Counters may be called from anywhere, do not wait
// and do not allocate. Ports change one at a time.
//
// # Standards and sources
//
// linux/pkt_cls.h (direct action), Documentation/bpf/map_hash.rst, net/core/filter.c
// (bpf_redirect, bpf_l4_csum_replace), net/core/dev.c (__netif_receive_skb_core: taps
// before the ingress hook), RFC 1624 (checksums), RFC 791.
package fastpath
