package gateway

import (
	"encoding/binary"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/segment"
	"ubridge/internal/wire"
)

// fragment cuts the packet ip of frame i into packets of at most mtu bytes (RFC
// 791 §3.2, example procedure) and sends each. The packet may be a fragment
// itself. Options that are not to be copied into later fragments are copied all
// the same, as NOPs would be: the kernel turns them into NOPs, and both are
// legal to receivers.
func (r *Router) fragment(c *dataplane.Cycle, i uint16, f *frame.Frame, ip wire.IPv4, mtu int, send func(*dataplane.Cycle, uint16)) {
	if !finishChecksum(f, ip) {
		c.Drop(i, frame.BadTransport)
		return
	}
	hl := ip.HeaderLen()
	step := (mtu - hl) &^ 7
	if step < 8 {
		c.Drop(i, frame.NeedsFrag)
		return
	}
	payload := ip.Payload()
	// A frame of the originated batch lives in that batch's memory: it must not
	// be flushed under it.
	if own := c.Own(); own.Batch == c.Batch && own.Batch.N+len(payload)/step >= frame.BatchSize {
		c.Drop(i, frame.NeedsFrag)
		return
	}
	for at := 0; at < len(payload); at += step {
		n := min(step, len(payload)-at)
		j, out := c.Originate()
		if out == nil {
			c.Drop(i, frame.NoBuffer)
			return
		}
		b := out.Grow(wire.EthernetLen + hl + n)
		copy(b, f.Bytes()[:wire.EthernetLen+hl])
		copy(b[wire.EthernetLen+hl:], payload[at:at+n])
		markFragment(wire.IPv4(b[wire.EthernetLen:]), ip, at, at+n < len(payload))
		send(c.Own(), j)
	}
}

// markFragment makes out, a copy of whole's header with a part of its payload,
// the fragment at byte at.
func markFragment(out, whole wire.IPv4, at int, more bool) {
	field := uint16((whole.FragmentOffset() + at) / 8)
	if more || whole.MoreFragments() {
		field |= 0x2000
	}
	binary.BigEndian.PutUint16(out[6:], field)
	out.SetTotalLen(len(out))
	out.FillChecksum()
}

// finishChecksum completes an unfinished transport checksum in place: once cut,
// nobody behind could. What follows the packet is not summed.
func finishChecksum(f *frame.Frame, ip wire.IPv4) bool {
	if f.Offload.NeedsCsum() && int(f.Offload.CsumStart) < wire.EthernetLen+ip.HeaderLen() {
		return false
	}
	f.Truncate(wire.EthernetLen + len(ip))
	return segment.Finish(f)
}
