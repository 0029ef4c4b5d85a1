package afpacket

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// Receive appends the frames of filled slots to b. It makes no system call for
// a frame that fits a slot and one read for a longer one.
//
// An empty Receive that follows another empty one asks the socket for an error:
// a worker that spins calls Receive when Pending says so, and after ppoll for
// every descriptor with an event, errors included.
func (p *Port) Receive(b *frame.Batch, drops *frame.Drops) error {
	if b.Full() {
		return nil
	}
	found := false
	for !b.Full() {
		s := p.ring.take()
		if s == nil {
			break
		}
		found = true
		if why := p.accept(b, s); why != frame.Forwarded {
			drops[why]++
		}
	}
	if !found {
		return p.state()
	}
	p.link.idle = false
	return nil
}

// accept appends the frame of one slot to b, or says why not.
func (p *Port) accept(b *frame.Batch, s []byte) frame.Reason {
	h := head(s)
	f, why := p.collect(b, s, h)
	if why != frame.Forwarded {
		return why
	}
	if !p.restore(f, h) {
		b.N-- // its offsets point past what they can say
		return frame.BadOffload
	}
	return frame.Forwarded
}

// restore puts back what the device or the kernel took off the frame's front.
func (p *Port) restore(f *frame.Frame, h *header) bool {
	if p.l3 && !addLinkHeader(f) {
		return false
	}
	return h.Status&unix.TP_STATUS_VLAN_VALID == 0 || f.InsertVLAN(tpid(h), h.Vlan_tci)
}

// collect appends the frame as the kernel delivered it, from the slot or, where
// it does not fit, from the socket's queue.
func (p *Port) collect(b *frame.Batch, s []byte, h *header) (*frame.Frame, frame.Reason) {
	const unfinished = unix.TP_STATUS_CSUMNOTREADY | unix.TP_STATUS_GSO_TCP
	n := int(h.Snaplen)
	switch {
	case h.Status&unix.TP_STATUS_COPY != 0:
		return p.fetch(b, s, h)
	case n < int(h.Len):
		return nil, frame.RxCut
	case n < p.shortest():
		return nil, frame.Runt
	case p.vnet == 0 && h.Status&unfinished != 0:
		return nil, frame.BadOffload // the vnet header that would say what is left to do is missing
	}
	f := b.Add(s[used:], int(h.Mac)-used, n)
	if p.vnet != 0 {
		f.Offload.Decode(s[int(h.Mac)-p.vnet:])
	}
	return f, frame.Forwarded
}

// shortest is the length of the shortest frame that makes sense.
func (p *Port) shortest() int {
	if p.l3 {
		return 1 // the version of IP
	}
	return wire.EthernetLen
}

// fetch reads the whole frame, of which the slot holds the beginning, from the
// socket's queue. Slots and queue are in the same order. Should they ever
// differ, the frames before ours in the queue are lost and the slots that they
// belong to find nothing: both sides meet again at the end of the queue.
func (p *Port) fetch(b *frame.Batch, s []byte, h *header) (*frame.Frame, frame.Reason) {
	at, n := frame.Headroom-p.vnet, int(h.Len)
	if n > frame.MaxLen { // "big TCP": gso_max_size raised past 64 KiB
		p.read(p.link.scrap[:])
		return nil, frame.RxCut
	}
	buf := b.Take()
	if buf == nil {
		p.read(p.link.scrap[:])
		return nil, frame.NoBuffer
	}
	beginning := s[h.Mac:][:min(int(h.Snaplen), sameBytes)]
	for {
		got := p.read(buf[at:])
		if got < 0 {
			b.Untake()
			return nil, frame.RxCut
		}
		if got == n+p.vnet && bytes.HasPrefix(buf[frame.Headroom:], beginning) {
			break
		}
	}
	f := b.Add(buf, frame.Headroom, n)
	if p.vnet != 0 {
		f.Offload.Decode(buf[at:])
	}
	return f, frame.Forwarded
}

// sameBytes is how much of a slot's beginning a frame read from the queue is
// compared with: link, IP and TCP headers, sequence number included.
const sameBytes = 64

// read takes one frame off the socket's queue: its length with the vnet header,
// or -1 where there is none. A frame longer than buf is cut to it. A pending
// ENETDOWN is reported before the queue is looked at, and only once.
func (p *Port) read(buf []byte) int {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(p.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)))
		switch errno {
		case 0:
			return int(n)
		case unix.EINTR:
		case unix.ENETDOWN:
			p.link.suspect.Store(true)
		default:
			return -1
		}
	}
}

// tpid is the EtherType of the tag that the kernel took off.
func tpid(h *header) uint16 {
	if h.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		return h.Vlan_tpid
	}
	return wire.TypeVLAN
}

// addLinkHeader puts an Ethernet header with zero addresses before an IP packet
// and moves the offsets along. A version that is neither 4 nor 6 gets type 0,
// which nothing routes.
func addLinkHeader(f *frame.Frame) bool {
	var typ uint16
	switch f.Bytes()[0] >> 4 {
	case 4:
		typ = wire.TypeIPv4
	case 6:
		typ = wire.TypeIPv6
	}
	if !f.Push(wire.EthernetLen) {
		return false
	}
	hdr := f.Bytes()[:wire.EthernetLen]
	clear(hdr)
	binary.BigEndian.PutUint16(hdr[12:], typ)
	return true
}
