package afpacket

import "golang.org/x/sys/unix"

// Idle reports whether user space is done with all frames that the kernel has put into
// the ring: the latest slot has been released, so what was in it has been sent. It may
// be called from any goroutine before Close. The kernel answers POLLIN as long as the
// last slot that it filled is ours (packet_poll in net/packet/af_packet.c).
func (p *Port) Idle() bool {
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 0
}

// SetFilter replaces the port's eBPF socket filter, between two frames. It may be
// called from any goroutine before Close.
func (p *Port) SetFilter(program int) error {
	return unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, program)
}
