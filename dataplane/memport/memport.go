package memport

import (
	"bytes"
	"fmt"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// Frame is one frame, from the destination address on, with its offload.
type Frame struct {
	Data    []byte
	Offload frame.Offload
}

// Port is a port in memory; it satisfies dataplane.Port.
type Port struct {
	mu    sync.Mutex
	event int // eventfd, or -1
	caps  frame.Caps
	rx    []Frame
	tx    []Frame
	down  bool
	fault syscall.Errno
	lent  int
}

// New makes a port with no descriptor to poll: its worker is driven by the
// test, or looks at Pending.
func New(caps frame.Caps) *Port { return &Port{event: -1, caps: caps} }

// NewPolled makes a port whose FD wakes a worker that sleeps in ppoll.
func NewPolled(caps frame.Caps) (*Port, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make eventfd: %w", err)
	}
	return &Port{event: fd, caps: caps}, nil
}

// Inject makes frames arrive, in order. Their bytes are copied.
func (p *Port) Inject(frames ...Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range frames {
		p.rx = append(p.rx, Frame{bytes.Clone(f.Data), f.Offload})
	}
	p.signal()
}

// Sent returns the frames transmitted since the last call, in order.
func (p *Port) Sent() []Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	tx := p.tx
	p.tx = nil
	return tx
}

// SetDown takes the device down, or up again. Frames injected meanwhile wait.
func (p *Port) SetDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	p.signal()
}

// SetFault makes Transmit fail with errno for every frame until it is set to 0:
// EAGAIN for a full queue, EMSGSIZE for frames too big, and so on.
func (p *Port) SetFault(errno syscall.Errno) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = errno
}

// SetCaps changes what the port takes.
func (p *Port) SetCaps(caps frame.Caps) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.caps = caps
}

// Lent is the number of frames received and not yet released.
func (p *Port) Lent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lent
}

// signal makes the eventfd readable exactly while a frame can be received.
func (p *Port) signal() {
	if p.event < 0 {
		return
	}
	var count [8]byte
	if len(p.rx) > 0 && !p.down {
		count[0] = 1
		_, _ = unix.Write(p.event, count[:])
	} else {
		_, _ = unix.Read(p.event, count[:]) // EAGAIN: it was quiet
	}
}
