package tap

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// Receive reads frames into buffers of b's arena until there are no more or b
// is full. Without a free buffer frames stay in the device's queue.
func (p *Port) Receive(b *frame.Batch, drops *frame.Drops) error {
	at := frame.Headroom - p.vnet
	for !b.Full() {
		buf := b.Take()
		if buf == nil {
			return nil
		}
		n, errno := p.read(buf[at:])
		switch {
		case errno == unix.EINVAL: // taken off the queue and lost: no vnet header describes it
			b.Untake()
			drops[frame.BadOffload]++
			continue
		case errno != 0:
			b.Untake()
			return p.state(errno)
		}
		p.suspect.Store(false)
		f := b.Add(buf, frame.Headroom, n-p.vnet)
		if p.vnet != 0 {
			f.Offload.Decode(buf[at:])
		}
	}
	return nil
}

// read takes one frame with its vnet header from the device.
func (p *Port) read(buf []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(p.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)))
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// state is the device's state after a read that gave errno instead of a frame.
func (p *Port) state(errno unix.Errno) error {
	if errno != unix.EAGAIN || p.suspect.Load() && !p.up() {
		return frame.ErrDown
	}
	p.suspect.Store(false)
	return nil
}

// up asks the kernel whether the device is up. It goes by index to the name
// first, since devices are renamed.
func (p *Port) up() bool {
	ifr, _ := unix.NewIfreq("")
	ifr.SetUint32(uint32(p.ifindex))
	if unix.IoctlIfreq(p.ctl, unix.SIOCGIFNAME, ifr) != nil {
		return false
	}
	return unix.IoctlIfreq(p.ctl, unix.SIOCGIFFLAGS, ifr) == nil && ifr.Uint16()&unix.IFF_UP != 0
}
