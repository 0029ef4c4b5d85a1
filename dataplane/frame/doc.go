// Package frame is the currency of the dataplane: frames with their offload
// metadata, batches of them, the memory they live in, and the named reasons
// for which one is dropped.
//
// # Theory of operation
//
// A Frame points at bytes that something else owns: a slot of a port's receive
// ring, or a buffer of an Arena. It is borrowed until the batch that holds it
// is released; who needs it longer copies it to an arena buffer of its own.
// In front of every frame lie at least Headroom writable bytes, so that a
// VLAN tag, a link header or a vnet header is put before it without a copy.
//
// An Offload says what the sender left undone: a checksum to finish, a
// superframe to cut. It mirrors struct virtio_net_hdr (linux/virtio_net.h) and
// travels with the frame from the port that received it to the port that sends
// it; only a port that cannot take it makes the dataplane do the work in
// software.
//
// Memory of rings and arenas is mapped outside the Go heap and holds no Go
// pointers.
//
// # Concurrency
//
// A Batch, and the frames in it, belong to one worker. An Arena has a single
// owner and no lock.
package frame
