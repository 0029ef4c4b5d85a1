package tap

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// Transmit writes the frames of b that which names, one write each.
func (p *Port) Transmit(b *frame.Batch, which []uint16) (sent frame.Sent) {
	for i, k := range which {
		f := &b.Frames[k]
		errno := p.send(f)
		if errno == 0 {
			sent.Accept(f.Len())
			continue
		}
		if errno == unix.EIO || errno == unix.EBADFD {
			p.suspect = true
			sent.Count(errno, uint32(len(which)-i)) // the rest would fare alike
			break
		}
		sent.Count(errno, 1)
	}
	return sent
}

// send writes one frame, in one piece where its headroom has room for the vnet
// header.
func (p *Port) send(f *frame.Frame) unix.Errno {
	if p.vnet == 0 {
		return p.write(f.Bytes())
	}
	o := f.Outgoing()
	if front := f.Front(p.vnet); front != nil {
		o.Encode(front)
		return p.write(f.WithFront(p.vnet))
	}
	o.Encode(p.header[:])
	return p.writeTwo(p.header[:], f.Bytes())
}

// write is a raw write(2): it takes microseconds, in which leaving the
// processor to other goroutines would cost more than it gives.
func (p *Port) write(b []byte) unix.Errno {
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(p.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno != unix.EINTR {
			return errno
		}
	}
}

// writeTwo is write for a frame in two pieces.
func (p *Port) writeTwo(a, b []byte) unix.Errno {
	p.iov[0].Base, p.iov[1].Base = unsafe.SliceData(a), unsafe.SliceData(b)
	p.iov[0].SetLen(len(a))
	p.iov[1].SetLen(len(b))
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(p.fd), uintptr(unsafe.Pointer(&p.iov[0])), 2)
		if errno != unix.EINTR {
			return errno
		}
	}
}
