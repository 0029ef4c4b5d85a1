package traffic

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// sinkBuffer is what a sink's socket may hold while its reader does not run.
const sinkBuffer = 16 << 20

// Sink receives experimental frames from a device and checks them.
type Sink struct {
	fd      int
	stop    atomic.Bool // end when nothing is left
	end     atomic.Bool // end now
	done    chan struct{}
	checker *Checker
	dropped uint64
}

// NewSink starts to receive on a device of the thread's namespace those frames
// of which the number, whose low 32 bits are at offset at, is a multiple of
// every (a power of two).
func NewSink(device string, at, every uint32, c *Checker) (*Sink, error) {
	fd, err := packetSocket(device, EtherType)
	if err != nil {
		return nil, err
	}
	s := &Sink{fd: fd, checker: c, done: make(chan struct{})}
	if err := s.prepare(at, every); err != nil {
		unix.Close(fd)
		return nil, err
	}
	go s.run()
	return s, nil
}

// NumberedAt is where the low half of a numbered frame's number is.
const NumberedAt = headerLen + numberAt + 4

// TrafgenAt is where a trafgen frame's number is.
const TrafgenAt = sequenceAt

func (s *Sink) prepare(at, every uint32) error {
	if err := s.filter(at, every-1); err != nil {
		return err
	}
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, sinkBuffer) // else the default: more drops, which are told
	return unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20_000})
}

// filter lets frames through of which none of the mask's bits is set.
func (s *Sink) filter(at, mask uint32) error {
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: at, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: mask, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return fmt.Errorf("sampling filter: %w", err)
	}
	code := make([]unix.SockFilter, 0, len(program))
	for _, i := range program {
		code = append(code, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	return unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

// run reads until it is stopped and the socket is empty.
func (s *Sink) run() {
	defer close(s.done)
	buf := make([]byte, 1<<16)
	for !s.end.Load() {
		n, err := unix.Read(s.fd, buf)
		switch {
		case err == nil:
			s.checker.Frame(buf[:n])
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN) && !s.stop.Load():
		default: // stopped, or the device is gone
			return
		}
	}
}

// drain is how long a sink that was stopped goes on reading at most, where a
// generator has not been stopped before.
const drain = time.Second

// Stop ends the sink when it has read what is there. It returns what it has
// seen, and how many frames its own socket had no room for.
func (s *Sink) Stop() (seen *Checker, missed uint64) {
	if s.stop.Swap(true) {
		return s.checker, s.dropped
	}
	select {
	case <-s.done:
	case <-time.After(drain):
		s.end.Store(true)
		<-s.done
	}
	if stats, err := unix.GetsockoptTpacketStats(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		s.dropped = uint64(stats.Drops)
	}
	unix.Close(s.fd)
	return s.checker, s.dropped
}
