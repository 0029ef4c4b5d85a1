package tap

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// Port is a tap device by its descriptor; it satisfies dataplane.Port.
type Port struct {
	fd      int
	ctl     int // a socket in the device's namespace, for SIOCGIF…
	name    string
	ifindex int
	caps    frame.Caps
	vnet    int         // bytes of vnet header before each frame: frame.VnetLen, or 0
	suspect atomic.Bool // a write has failed as on a device that is down
	tx      sender
}

// Name is the device's name when it was opened.
func (p *Port) Name() string { return p.name }

// Ifindex is the device's index in the namespace where it was opened.
func (p *Port) Ifindex() int { return p.ifindex }

// Caps is what the device takes; MTU is that of SetMTU, or of the device when
// it was opened. The kernel takes longer frames from a tap than its MTU: who
// sends checks.
func (p *Port) Caps() frame.Caps { return p.caps }

// SetMTU tells the port that the device's MTU has changed, in bytes. The worker
// calls it; the news comes by netlink.
func (p *Port) SetMTU(mtu int) { p.caps.MTU = mtu }

// FD is the tap's descriptor.
func (p *Port) FD() int { return p.fd }

// Pending is always false: only a read tells.
func (p *Port) Pending() bool { return false }

// Release has nothing to give back, since frames lie in the arena.
func (p *Port) Release() {}

// Close closes the descriptor; a device that is not persistent goes away.
func (p *Port) Close() error {
	if p.ctl >= 0 {
		unix.Close(p.ctl)
	}
	return unix.Close(p.fd)
}
