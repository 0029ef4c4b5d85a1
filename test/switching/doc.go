// Package switching holds the running daemon to what a switch promises: every
// frame between two ports arrives once, whole and unchanged, whatever its
// offloads, tags and length; stations are learned, moved, limited and
// forgotten; and nothing that a guest sends harms the daemon or goes uncounted.
//
// # Theory of operation
//
// A bed is a namespace that stands for the host, with the real binary in it, and
// guests that are namespaces of their own. A guest is plugged in by a veth pair,
// or by a cable: a tap in the host's namespace and one in the guest's, joined by
// a goroutine that moves frames with their vnet headers, as QEMU does for a
// virtio card. A station is a packet socket in a guest with a vnet header on
// every frame, so that tests say bit by bit what goes out, and see what comes
// in with tags put back.
//
// Nothing leaves the namespaces.
package switching
