package segment

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// align is the alignment in bytes of packed segments: a cache line.
const align = 64

// Cutter makes, of one frame, the frames that a port takes. The zero Cutter is
// done. Start it anew for each frame.
type Cutter struct {
	src    []byte
	layout layout
	size   int           // payload bytes per segment
	whole  bool          // one copy is made and nothing cut
	finish bool          // checksums are finished, not left
	each   frame.Offload // of every frame made
	made   int
	left   int
}

// Start readies c to make f fit for a port with capabilities caps. It answers
// frame.Forwarded, or the reason to drop f: BadSegment where f is not what its
// offload says or has more than MaxSegments segments. The bytes of f are read
// until c is done.
func (c *Cutter) Start(f *frame.Frame, caps frame.Caps) frame.Reason {
	*c = Cutter{}
	b, o := f.Bytes(), f.Offload
	if !o.Valid(len(b)) || len(b) > frame.MaxLen {
		return frame.BadSegment
	}
	if takes := caps.Takes(o); takes || !o.IsGSO() {
		*c = Cutter{src: b, each: o, whole: true, finish: !takes, left: 1}
		return frame.Forwarded
	}
	l, ok := read(b, o)
	if !ok {
		return frame.BadSegment
	}
	size, payload := int(o.GSOSize), len(b)-l.payload
	left := max((payload+size-1)/size, 1)
	if left > MaxSegments || l.payload+min(payload, size)-l.l3 > 65535 {
		return frame.BadSegment
	}
	*c = Cutter{src: b, layout: l, size: size, finish: !caps.Csum, left: left}
	c.each = frame.Offload{Flags: frame.NeedsCsum, CsumStart: o.CsumStart, CsumOffset: o.CsumOffset}
	return frame.Forwarded
}

// Next appends as many frames to out as fit, in buffers of out's arena, and
// reports whether they were the last. The reason is frame.Forwarded, or
// frame.NoBuffer where not one could be made: then out is full or its arena
// used up, and the rest of the frame is lost unless Next is called again with
// more room.
func (c *Cutter) Next(out *frame.Batch) (done bool, r frame.Reason) {
	before := out.N
	var room []byte
	for c.left > 0 && !out.Full() {
		need := frame.Headroom + c.nextLen()
		if len(room) < need {
			if room = out.Take(); room == nil {
				break
			}
		}
		c.emit(out, room[:need:need])
		room = room[min((need+align-1)&^(align-1), len(room)):]
	}
	if c.left > 0 && out.N == before {
		return false, frame.NoBuffer
	}
	return c.left == 0, frame.Forwarded
}

// nextLen is the length in bytes of the next frame.
func (c *Cutter) nextLen() int {
	if c.whole {
		return len(c.src)
	}
	return c.layout.payload + min(c.size, len(c.src)-c.at())
}

// at is where the payload of the next segment starts in src.
func (c *Cutter) at() int { return c.layout.payload + c.made*c.size }

// emit makes the next frame in room, which is as long as its headroom and it.
func (c *Cutter) emit(out *frame.Batch, room []byte) {
	b := room[frame.Headroom:]
	if c.whole {
		copy(b, c.src)
	} else {
		n := copy(b, c.src[:c.layout.payload])
		copy(b[n:], c.src[c.at():])
		c.amend(b)
	}
	f := out.Add(room, frame.Headroom, len(b))
	if c.finish {
		finish(b, c.each)
	} else {
		f.Offload = c.each
	}
	c.made++
	c.left--
}

// amend makes the headers of a superframe those of the segment b.
func (c *Cutter) amend(b []byte) {
	l := &c.layout
	if l.v6 {
		wire.IPv6(b[l.l3:]).SetPayloadLen(len(b) - l.l3 - wire.IPv6Len)
	} else {
		p := wire.IPv4(b[l.l3:])
		p.SetID(l.id + uint16(c.made))
		p.SetTotalLen(len(b) - l.l3)
		p.FillChecksum()
	}
	sum := wire.Fold(l.partial + uint64(len(b)-l.l4))
	if l.udp {
		u := wire.UDP(b[l.l4:])
		u.SetLen(len(u))
		u.SetChecksum(sum)
		return
	}
	t := wire.TCP(b[l.l4:])
	t.SetSeq(l.seq + uint32(c.made*c.size))
	t.SetFlags(c.flags())
	t.SetChecksum(sum)
}

// flags are the TCP flags of the next segment.
func (c *Cutter) flags() byte {
	flags := c.layout.flags
	if c.left > 1 {
		flags &^= wire.TCPFin | wire.TCPPsh
	}
	if c.made > 0 {
		flags &^= wire.TCPCwr
	}
	return flags
}
