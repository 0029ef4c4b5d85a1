// Package guests holds ubridge to what people use it for: real virtual machines
// on taps that the daemon has made, opened by a QEMU that runs as nobody.
//
// # Theory of operation
//
// Guests boot Debian's kernels under TCG with busybox, so that a client that
// shares nothing with ubridge takes the lease, asks for names and downloads.
// Each card model goes the same way once: lease, names, guest to guest, outside
// through NAT, host to guest and guest to host. Then what happens to machines in
// the course of time: QEMU ends and comes back, the guest reboots, the daemon is
// stopped, is killed. One test runs the daemon inside a guest, on Debian 12's
// kernel, the oldest that is supported; one takes the nftables fallback of the
// steering.
package guests
