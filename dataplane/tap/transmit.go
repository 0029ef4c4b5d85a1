package tap

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// sender writes to a tap. Each worker that sends to the port has one.
type sender struct {
	port   *Port
	header [frame.VnetLen]byte // vnet header of a frame without headroom
	iov    [2]unix.Iovec       // that header and the frame
}

// NewSender implements dataplane.Port.
func (p *Port) NewSender() frame.Sender { return &sender{port: p} }

// Transmit writes frames as the port's other senders do; the kernel takes frames
// on one descriptor from several threads.
func (p *Port) Transmit(b *frame.Batch, which []uint16) frame.Sent { return p.tx.Transmit(b, which) }

// Transmit writes the frames of b that which names, one write each.
func (t *sender) Transmit(b *frame.Batch, which []uint16) (sent frame.Sent) {
	for i, k := range which {
		f := &b.Frames[k]
		errno := t.send(f)
		if errno == 0 {
			sent.Accept(f.Len())
			continue
		}
		if errno == unix.EIO || errno == unix.EBADFD {
			t.port.suspect.Store(true)
			sent.Count(errno, uint32(len(which)-i)) // the rest would fare alike
			break
		}
		sent.Count(errno, 1)
	}
	return sent
}

// send writes one frame, in one piece where its headroom has room for the vnet
// header.
func (t *sender) send(f *frame.Frame) unix.Errno {
	p := t.port
	if p.vnet == 0 {
		return p.write(f.Bytes())
	}
	o := f.Outgoing()
	if front := f.Front(p.vnet); front != nil {
		o.Encode(front)
		return p.write(f.WithFront(p.vnet))
	}
	o.Encode(t.header[:])
	return t.writeTwo(t.header[:], f.Bytes())
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
func (t *sender) writeTwo(a, b []byte) unix.Errno {
	t.iov[0].Base, t.iov[1].Base = unsafe.SliceData(a), unsafe.SliceData(b)
	t.iov[0].SetLen(len(a))
	t.iov[1].SetLen(len(b))
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(t.port.fd), uintptr(unsafe.Pointer(&t.iov[0])), 2)
		if errno != unix.EINTR {
			return errno
		}
	}
}
