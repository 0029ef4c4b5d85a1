package afpacket

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// Port is a packet socket bound to one device; it satisfies dataplane.Port.
type Port struct {
	fd   int
	ring ring
	tx   sender
	link link
	caps frame.Caps
	vnet int  // bytes of vnet header before each frame: frame.VnetLen, or 0 where refused
	l3   bool // the device has no link header

	filter atomic.Int64 // descriptor of the eBPF socket filter; 0 or less: none

	stats  totals
	judged Stats // as of the last Health
}

// Caps is what the device's transmit path takes; MTU is that of SetMTU, or of
// the device when it was opened.
func (p *Port) Caps() frame.Caps { return p.caps }

// SetMTU tells the port that the device's MTU has changed, in bytes. The worker
// calls it; the news comes by netlink.
func (p *Port) SetMTU(mtu int) { p.caps.MTU = mtu }

// FD is the socket; it polls readable while the ring holds a frame.
func (p *Port) FD() int { return p.fd }

// Ifindex is the index of the device in the namespace where it was opened.
func (p *Port) Ifindex() int { return p.link.ifindex }

// Pending reports whether the next slot has been filled.
func (p *Port) Pending() bool { return p.ring.ready() }

// Release hands the slots of all frames received since the last Release back to
// the kernel.
func (p *Port) Release() { p.ring.release() }

// Close unmaps the ring, so no frame of it may be used any more, and closes the
// socket. The device stays as it is.
func (p *Port) Close() error {
	err := p.ring.close()
	if e := unix.Close(p.fd); err == nil {
		err = e
	}
	return err
}
