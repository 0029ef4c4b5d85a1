// Package afpacket is the kind of port that attaches to a network device by a
// packet socket (packet(7)): a guest's tap whose descriptor QEMU owns, one end
// of a veth pair, or a NIC that serves as uplink.
//
// # Theory of operation
//
// Receive. The kernel copies each frame into a slot of a ring that both sides
// map (TPACKET_V2). Frames are used where they lie and the slots are handed back
// by Release. A slot is 2 KiB, which is enough for an ordinary frame; of a
// longer one the slot holds the beginning, TP_STATUS_COPY is set, and the whole
// frame waits in the socket's queue, in the same order as the slots: one read
// fetches it into a buffer of the worker's arena. A slot looks like this:
//
//	0         32            52                104       114       128
//	| tpacket | sockaddr_ll | free (headroom) | vnet hdr | link hdr | IP … 2047
//
// PACKET_RESERVE makes the free part so long that frame.Headroom bytes lie
// before the frame without touching the ring's own header, and that the IP
// header starts on a cache line. The vnet header (PACKET_VNET_HDR) is decoded
// once and is headroom from then on. A VLAN tag that the kernel took off the
// frame is in the ring's header and is put back.
//
// Transmit. One sendmmsg per batch reads from the slots and buffers where the
// frames lie; the vnet header is written just before each frame. The kernel has
// copied everything when the call returns. A TX ring gives nothing over this,
// and PACKET_QDISC_BYPASS is not set because programs at the device's egress
// hook have to see our frames.
//
// Devices without a link header (WireGuard, tun, ppp) get 14 bytes of Ethernet
// header with zero addresses put before each received packet, so that the
// pipeline sees frames only; Transmit leaves them out again.
//
// The descriptor is kept away from Go's netpoller: its epoll callback would run
// for every received frame and costs 12 to 15 % of small-frame throughput.
//
// # Device down, device gone
//
// A packet socket survives its device going down and up. It reports ENETDOWN
// once; then Receive asks for the device's flags until it is up again. When the
// device is removed, or moved to another namespace, the kernel unbinds the
// socket for good: the port answers frame.ErrDown for ever and its owner opens
// a new one when the device is back.
//
// # Stuck ring
//
// A superframe that the vnet header cannot describe wedges the kernel's side of
// the ring for good. Stuck tells; the owner then opens a new port in place of
// the old one.
//
// # Concurrency
//
// One worker makes all calls. Stats and Stuck may be called from anywhere before
// Close.
// Everything in the ring but a slot's status word belongs to the side that the
// word names; the word is read and written atomically.
//
// # Sources
//
// linux/if_packet.h, linux/virtio_net.h, net/packet/af_packet.c and
// Documentation/networking/packet_mmap.rst of Linux 6.1 to 6.18.
package afpacket
