package memport

import (
	"bytes"
	"syscall"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// Receive copies injected frames into b. A frame for which the arena has no
// buffer is dropped, as by a port that cannot leave it where it is.
func (p *Port) Receive(b *frame.Batch, drops *frame.Drops) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return frame.ErrDown
	}
	for len(p.rx) > 0 && !b.Full() {
		if f := b.AddCopy(p.rx[0].Data); f != nil {
			f.Offload = p.rx[0].Offload
			p.lent++
		} else {
			drops[frame.NoBuffer]++
		}
		p.rx = p.rx[1:]
	}
	p.signal()
	return nil
}

// Release notes that the frames received are no longer used.
func (p *Port) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent = 0
}

// NewSender is the port itself, which has a lock.
func (p *Port) NewSender() frame.Sender { return p }

// Transmit captures the frames of b that which names.
func (p *Port) Transmit(b *frame.Batch, which []uint16) (sent frame.Sent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range which {
		f := &b.Frames[i]
		if errno := p.refuse(f); errno != 0 {
			sent.Count(errno, 1)
			continue
		}
		p.tx = append(p.tx, Frame{bytes.Clone(f.Bytes()), f.Offload})
		sent.Accept(f.Len())
	}
	return sent
}

// refuse is what a kernel with these capabilities says to f; 0 is yes.
func (p *Port) refuse(f *frame.Frame) syscall.Errno {
	switch {
	case p.down:
		return syscall.ENETDOWN
	case p.fault != 0:
		return p.fault
	case !p.caps.Takes(f.Offload):
		return syscall.EINVAL
	case p.tooBig(f):
		return syscall.EMSGSIZE
	}
	return 0
}

// tooBig reports whether an ordinary frame carries more than the MTU; like the
// kernel it does not look at superframes.
func (p *Port) tooBig(f *frame.Frame) bool {
	if p.caps.MTU == 0 || f.Offload.IsGSO() {
		return false
	}
	_, off, ok := f.Ethernet().L3()
	return ok && f.Len()-off > p.caps.MTU
}

// Caps is what the port takes; an MTU of 0 is no limit.
func (p *Port) Caps() frame.Caps {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.caps
}

// FD is the eventfd of NewPolled, -1 of New.
func (p *Port) FD() int { return p.event }

// Pending reports whether a frame waits.
func (p *Port) Pending() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.rx) > 0 && !p.down
}

// Close closes the eventfd.
func (p *Port) Close() error {
	if p.event < 0 {
		return nil
	}
	return unix.Close(p.event)
}
