// Package tap is the kind of port whose descriptor is ours: the tap device by
// which the host reaches the network (ubr0), or one in a namespace. A guest's
// tap, which QEMU opens, is attached to by package afpacket instead.
//
// # Theory of operation
//
// What the device's side of the kernel sends is read, one frame per read, into
// buffers of the worker's arena; one write per frame sends. With IFF_VNET_HDR a
// struct virtio_net_hdr lies before each frame both ways, so that superframes
// of 64 KiB and unfinished checksums cross as they are. What we are ready to
// receive is negotiated by TUNSETOFFLOAD, from UDP superframes down to nothing,
// since kernels before 6.2 do not know those. The kernel writes VLAN tags into
// the frame itself (unlike a packet socket).
//
// The device is opened by ioctls of our own: songgao/water calls TUNSETIFF
// without IFF_VNET_HDR, a second TUNSETIFF on its descriptor is refused
// (EEXIST), and its os.File would put the descriptor into the netpoller.
//
// # Device down, device gone
//
// A write to a tap that is down gives EIO; a read gives just nothing. So the
// device's flags are asked for after a failed write, by a socket that was opened
// in the device's namespace. A tap that was deleted answers EBADFD for ever.
//
// # Concurrency
//
// One worker makes all calls.
//
// # Sources
//
// linux/if_tun.h, linux/virtio_net.h, drivers/net/tun.c of Linux 6.1 to 6.18.
package tap
