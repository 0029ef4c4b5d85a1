package traffic

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// burst is the most frames that one system call hands over.
const burst = 64

// nap is how long a sender sleeps when nothing is due: short against what a
// queue on the way holds, long enough to leave the CPU to others.
const nap = 50 * time.Microsecond

// Sender sends frames that follow from their numbers from a device.
type Sender struct {
	fd     int
	sizes  []int // of frames, in turn
	vary   Vary
	frames [burst][]byte
	iovecs [burst]unix.Iovec
	msgs   [burst]message
	next   uint64
}

// message is the kernel's struct mmsghdr.
type message struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// Vary makes a frame the one with this number. It finds in it what it has made
// of it before.
type Vary func(frame []byte, number uint64)

// NewSender makes a sender of numbered frames from src to dst (Ethernet
// addresses, six bytes each) on a device of the thread's namespace. Frames have
// the sizes given (without FCS), in turn.
func NewSender(device string, src, dst []byte, sizes ...int) (*Sender, error) {
	f := make([]byte, 1<<11)
	copy(f, dst)
	copy(f[6:], src)
	f[12], f[13] = EtherType>>8, EtherType&0xff
	return newSender(device, f, sizes, func(f []byte, number uint64) { Fill(f[headerLen:], number) })
}

// NewVaried makes a sender of frames that begin as the one given and are varied
// by their numbers, on a device of the thread's namespace.
func NewVaried(device string, frame []byte, vary Vary) (*Sender, error) {
	return newSender(device, frame, []int{len(frame)}, vary)
}

func newSender(device string, template []byte, sizes []int, vary Vary) (*Sender, error) {
	fd, err := packetSocket(device, 0)
	if err != nil {
		return nil, err
	}
	// Past the queueing discipline, as trafgen does; a kernel that cannot is slower.
	_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1)
	// A queue on the way holds frames at their sender's expense: a full one must
	// not stop it.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sinkBuffer)
	// A device whose reader is stuck must not hold the sender for ever.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("SO_SNDTIMEO: %w", err)
	}
	s := &Sender{fd: fd, sizes: sizes, vary: vary}
	for i := range s.frames {
		f := bytes.Clone(template)
		s.frames[i] = f
		s.iovecs[i].Base = &f[0]
		s.msgs[i].hdr.Iov = &s.iovecs[i]
		s.msgs[i].hdr.Iovlen = 1
	}
	return s, nil
}

// Close closes the socket.
func (s *Sender) Close() { unix.Close(s.fd) }

// Send sends frames at a rate (per second) for a while, and returns how many
// the device took.
func (s *Sender) Send(ctx context.Context, rate float64, d time.Duration) (sent uint64, err error) {
	return s.send(ctx, rate, math.MaxUint64, d)
}

// Count sends n frames at a rate.
func (s *Sender) Count(ctx context.Context, rate float64, n uint64) (sent uint64, err error) {
	return s.send(ctx, rate, n, math.MaxInt64)
}

func (s *Sender) send(ctx context.Context, rate float64, most uint64, d time.Duration) (sent uint64, err error) {
	pause := max(nap, time.Duration(float64(time.Second)/rate)) // a slow rate must not cost the CPU that is measured
	for began := time.Now(); sent < most && ctx.Err() == nil; {
		past := time.Since(began)
		if past >= d {
			break
		}
		due := min(uint64(past.Seconds()*rate), most)
		if due <= sent {
			time.Sleep(pause)
			continue
		}
		n, err := s.some(int(min(due-sent, burst)))
		sent += uint64(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, ctx.Err()
}

// some sends the next n frames at most. A full queue takes none of the rest.
func (s *Sender) some(n int) (int, error) {
	for i := range n {
		size := s.sizes[(s.next+uint64(i))%uint64(len(s.sizes))]
		s.vary(s.frames[i][:size], s.next+uint64(i))
		s.iovecs[i].SetLen(size)
	}
	taken, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.msgs[0])), uintptr(n), 0, 0, 0)
	switch errno {
	case 0:
		s.next += uint64(taken)
		return int(taken), nil
	case unix.ENOBUFS, unix.EAGAIN, unix.EINTR:
		return 0, nil // offered again: the rate is then what the device takes
	}
	return 0, fmt.Errorf("send frames: %w", errno)
}
