// Package steer decides which packets the host's own stack does not see.
//
// # Theory of operation
//
// ubridge shares devices with the host: it reads guests' frames from the
// network-device side of their taps, and it translates guests behind the host's
// own address. Both work only while the host's stack keeps quiet, else it
// answers ARP for its addresses on a guest's tap and resets the connections of
// which it has no socket. Packet sockets see a frame before the tc ingress hook
// does, so a drop there hides the frame from the stack and from nobody else.
//
//	wire → XDP → packet sockets (us) → clsact ingress → nft ingress → stack
//	                  │                     │
//	            uplink_socket         silence | uplink
//
// Three programs in steer.c, loaded by [Load]:
//
//   - silence drops everything; for a guest's device.
//   - uplink drops IPv4 packets to one of the outside addresses whose TCP or
//     UDP destination port is marked held, and the later fragments of such
//     packets; and whatever goes to a guest of a routed subnet, which its own
//     stack would route by its own rules, or not at all. Everything else goes on
//     to the next program.
//   - uplink_socket is the mirror image, a filter on the uplink's packet
//     socket: it lets through the held ports, ICMP and fragments to an outside
//     address, and routed guests' packets, so that the host's own traffic is not copied to us.
//
// The held ports are a bit array in a mapped BPF map. Whoever owns the
// translation table sets a bit before the first packet leaves and clears it
// when the port's quarantine has ended; no system call is made for a flow.
//
// # A shared NIC
//
// In mode bridge guests are on the LAN of a NIC that the host goes on using. [Share]
// holds three more programs, of share.c:
//
//	guests' frames to the host:  tap ingress (helper) → NIC ingress → stack
//	the host's frames:           NIC egress (share) → wire, or tap, or both
//	the LAN's frames:            packet socket on the NIC (share_socket) → guests
//
// helper redirects all that is written to the tap to the NIC's ingress, with a
// tc_index of the Share's own. share redirects what is for a guest to the tap, and
// clones to it what is for a group or for a station that nobody was heard to be; it
// leaves alone what bears ShareMark, which comes from guests. share_socket keeps
// out what helper put there and what is for the host alone, and notes the LAN's
// stations. The guests' stations are what Add says.
//
// These hang by tcx links, which end with the process, where the kernel has them
// (6.6), since to make or remove clsact costs the host packets; else by clsact
// filters like the others.
//
// # The fast path
//
// Package fastpath has programs of its own for these places: AttachForward puts one
// where silence is, AttachUplinkForward one before uplink, AttachHost one at the egress
// of the host's port. They are attached, found again after a crash and removed like
// the others. At a shared NIC its programs are at tcx before Share's
// (Share.AttachForward), and its filter calls share_socket with cb[0] set for what it
// takes. No link holds them: they outlive the process, and DetachForward knows them by
// their numbers, Sweep by their names. Where there is no tcx they are clsact filters.
//
// # Life after death
//
// A cls_bpf filter belongs to the device, not to the process: it stays in force
// when the daemon is killed. The next start loads the programs anew, fills its
// own maps from the state file (Ports, SetOutside, SetRouted) and only then attaches,
// which replaces the dead daemon's filter in one step. Hence the order of calls:
//
//	Open → Ports (fill) → SetOutside, SetRouted → AttachUplink, AttachSilence
//
// The lowest bit of a filter's handle records whether clsact was made along
// with it, so that the process which detaches, be it another one, knows whether
// to take clsact away.
//
// # Fallback
//
// Where the kernel refuses BPF, [Open] uses an nftables table of family netdev
// instead. It knows the whole port range rather than single ports, sees no
// fragments but the first, and disappears with `nft flush ruleset`: Fallback
// tells why it was taken so that a warning can be given.
//
// # Concurrency
//
// A Steering's methods may be called from any goroutine, Close last; changes of
// the host are made one at a time. The words of Ports are written with 64-bit
// atomic operations from anywhere. Every method works on the network namespace
// of the calling thread.
//
// # Standards and sources
//
// linux/pkt_cls.h (direct action), tcx (kernel/bpf/tcx.c), net/sched/sch_api.c
// (qdisc_graft deactivates the device), linux/bpf.h (BPF_F_MMAPABLE,
// BPF_HDR_START_NET), linux/filter.h (SKF_NET_OFF), RFC 791 §3.2 (fragments).
package steer
