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
// called from any goroutine before Close. The one that is there stays as it is: a socket
// has room for so many bytes of filters (net.core.optmem_max, 20 KiB before Linux 6.7),
// and the old one is let go of after the new one.
func (p *Port) SetFilter(program int) error {
	if p.filter.Load() == int64(program) {
		return nil
	}
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, program); err != nil {
		return err
	}
	p.filter.Store(int64(program))
	return nil
}
