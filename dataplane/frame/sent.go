package frame

import "syscall"

// Sender is a way out of a port. One goroutine uses it; a port that several
// workers send to has one for each.
type Sender interface {
	// Transmit sends the frames of b whose indices are in which, in that order,
	// and says what became of them. It copies or sends before it returns and
	// keeps no frame. It may write the Front of a frame, nothing else of it: the
	// same frame may be sent by other ports too.
	Transmit(b *Batch, which []uint16) Sent
}

// Count adds n frames that the kernel refused with errno to the field that says
// why. The kernel answers ENOBUFS where a queue behind the device dropped the
// frame and EAGAIN where the socket's own buffer is full; EIO and EBADFD are a
// tap's way of saying down and gone (drivers/net/tun.c).
func (s *Sent) Count(errno syscall.Errno, n uint32) {
	switch errno {
	case syscall.EAGAIN, syscall.ENOBUFS:
		s.Full += n
	case syscall.ENETDOWN, syscall.ENXIO, syscall.ENODEV, syscall.EIO, syscall.EBADFD:
		s.Down += n
	case syscall.EMSGSIZE:
		s.TooBig += n
	default:
		s.Failed += n
	}
}

// Accept adds one frame of n bytes that the kernel took.
func (s *Sent) Accept(n int) {
	s.Frames++
	s.Bytes += uint64(n)
}

// Outgoing is the offload to send with f. The length of a superframe's headers
// is read from the frame, since a sender may leave HdrLen zero or lie, and the
// kernel then allocates the whole superframe as one piece of memory; for other
// frames it means nothing and is zero.
func (f *Frame) Outgoing() Offload {
	o := f.Offload
	if !o.IsGSO() {
		o.HdrLen = 0
	} else if n, ok := o.Headers(f.Bytes()); ok {
		o.HdrLen = uint16(n)
	}
	return o
}
