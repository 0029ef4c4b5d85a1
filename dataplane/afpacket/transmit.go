package afpacket

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// mmsghdr is struct mmsghdr (sendmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// sender holds what sendmmsg is told, so that no call allocates. Message i is
// made of one iovec, vnet header and frame in one piece, or of two. Each worker
// that sends to the port has one.
type sender struct {
	port *Port
	msgs [frame.BatchSize]mmsghdr
	iovs [frame.BatchSize][2]unix.Iovec
	vnet [frame.BatchSize][frame.VnetLen]byte // vnet headers of messages in two pieces
	lens [frame.BatchSize]int                 // bytes of frame in the message
	to   [2]unix.RawSockaddrLinklayer         // IPv4, IPv6: destination on a device without link header
	n    int                                  // messages made
}

// NewSender implements dataplane.Port.
func (p *Port) NewSender() frame.Sender {
	t := new(sender)
	t.init(p)
	return t
}

// Transmit sends frames as the port's other senders do; the kernel takes messages
// on one socket from several threads.
func (p *Port) Transmit(b *frame.Batch, which []uint16) frame.Sent { return p.tx.Transmit(b, which) }

// init points the messages at their iovecs.
func (t *sender) init(p *Port) {
	t.port = p
	for i := range t.msgs {
		t.msgs[i].hdr.Iov = &t.iovs[i][0]
	}
	for i, typ := range []uint16{wire.TypeIPv4, wire.TypeIPv6} {
		t.to[i] = unix.RawSockaddrLinklayer{Family: unix.AF_PACKET, Protocol: htons(typ), Ifindex: int32(p.link.ifindex)}
	}
}

// Transmit sends the frames of b that which names, with one sendmmsg for all of
// them unless one is refused. On a device without link header the first 14
// bytes of each frame stay behind; a frame there is IPv4 or IPv6.
func (t *sender) Transmit(b *frame.Batch, which []uint16) (sent frame.Sent) {
	for len(which) > 0 {
		part := which[:min(len(which), frame.BatchSize)]
		which = which[len(part):]
		t.n = 0
		for _, i := range part {
			if !t.compose(&b.Frames[i]) {
				sent.Failed++
			}
		}
		t.flush(&sent)
	}
	return sent
}

// compose makes the next message of a frame; false for one that cannot be sent
// on this device.
func (t *sender) compose(f *frame.Frame) bool {
	p := t.port
	if p.l3 {
		return t.composeL3(f)
	}
	if front := f.Front(p.vnet); front != nil {
		if p.vnet != 0 {
			o := f.Outgoing()
			o.Encode(front)
		}
		t.add(f.WithFront(p.vnet), f.Len())
		return true
	}
	o := f.Outgoing()
	t.addTwo(&o, f.Bytes())
	return true
}

// composeL3 leaves the link header out. The vnet header would have to be
// written over it, but the bytes of the frame belong to the other ports that
// send it too: so it goes into a piece of its own.
func (t *sender) composeL3(f *frame.Frame) bool {
	if f.Len() < wire.EthernetLen {
		return false
	}
	typ, off, ok := f.Ethernet().L3()
	if !ok || off != wire.EthernetLen || typ != wire.TypeIPv4 && typ != wire.TypeIPv6 {
		return false
	}
	to := &t.to[0]
	if typ == wire.TypeIPv6 {
		to = &t.to[1]
	}
	ip := *f // the copy's bounds change, the bytes do not
	if !ip.Pull(wire.EthernetLen) {
		return false
	}
	t.msgs[t.n].hdr.Name = (*byte)(unsafe.Pointer(to))
	t.msgs[t.n].hdr.Namelen = unix.SizeofSockaddrLinklayer
	if t.port.vnet == 0 {
		t.add(ip.Bytes(), ip.Len())
		return true
	}
	o := ip.Outgoing()
	t.addTwo(&o, ip.Bytes())
	return true
}

// add makes a message of one piece that carries n bytes of frame.
func (t *sender) add(piece []byte, n int) {
	t.iovs[t.n][0].Base = unsafe.SliceData(piece)
	t.iovs[t.n][0].SetLen(len(piece))
	t.finish(1, n)
}

// addTwo makes a message of a vnet header and a frame apart from it.
func (t *sender) addTwo(o *frame.Offload, data []byte) {
	v := &t.vnet[t.n]
	o.Encode(v[:])
	t.iovs[t.n][0].Base = &v[0]
	t.iovs[t.n][0].SetLen(len(v))
	t.iovs[t.n][1].Base = unsafe.SliceData(data)
	t.iovs[t.n][1].SetLen(len(data))
	t.finish(2, len(data))
}

// finish closes a message of that many pieces and bytes of frame.
func (t *sender) finish(pieces, n int) {
	t.msgs[t.n].hdr.SetIovlen(pieces)
	t.lens[t.n] = n
	t.n++
}

// flush sends the messages made. sendmmsg stops at the first message that is
// refused: it is counted, and sending goes on behind it.
func (t *sender) flush(sent *frame.Sent) {
	for i := 0; i < t.n; {
		n, errno := t.port.sendmmsg(t.msgs[i:t.n])
		if errno == unix.EINTR {
			continue
		}
		for _, bytes := range t.lens[i : i+n] {
			sent.Accept(bytes)
		}
		i += n
		if errno != 0 {
			i += t.port.refused(errno, t.n-i, sent)
		}
	}
}

// refused counts messages that the kernel did not take and says how many of the
// rest there are: one as a rule, all where the next would fare alike.
func (p *Port) refused(errno unix.Errno, rest int, sent *frame.Sent) int {
	n := 1
	switch errno {
	case unix.EAGAIN: // the socket's send buffer is full
		n = rest
	case unix.ENETDOWN, unix.ENXIO, unix.ENODEV: // or an error that was pending since the device was down
		p.link.suspect.Store(true)
		if !p.askUp() {
			n = rest
		}
	}
	sent.Count(errno, uint32(n))
	return n
}

// sendmmsg sends messages up to the first that is refused and says how many
// went, or why the first did not. It is a raw system call: leaving the
// processor to other goroutines for the microseconds it takes would cost more
// in wakeups than it gives.
func (p *Port) sendmmsg(msgs []mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(p.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(msgs))), uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
