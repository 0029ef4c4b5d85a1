package frame

import "ubridge/internal/wire"

const (
	// BatchSize is the number of frames a batch holds. 8 to 32 measured alike
	// (shared/reference/proofs.md §4); 32 keeps a batch of headers within the
	// first-level cache.
	BatchSize = 32

	// Headroom is the number of writable bytes in front of every received
	// frame: a link header (14) and two VLAN tags (8) and a vnet header (12),
	// rounded up to keep frames aligned.
	Headroom = 48

	// MaxLen is the length in bytes of the longest frame: a link header with
	// two tags and an IP packet of 65,535 bytes.
	MaxLen = wire.EthernetLen + 2*wire.VLANLen + 65535
)

// Frame is one Ethernet frame in borrowed memory, without frame check sequence.
type Frame struct {
	buf []byte // from the first byte of headroom to the end of the room behind
	off uint32 // where the frame starts in buf
	end uint32 // where it ends

	// Offload is what the frame's sender left for the receiver to do.
	Offload Offload

	// Mark is the worker's own note on the frame, kept from classify to
	// transmit.
	Mark uint32
}

// Set makes f the n bytes of buf that start at off.
func (f *Frame) Set(buf []byte, off, n int) {
	f.buf, f.off, f.end = buf, uint32(off), uint32(off+n)
	f.Offload, f.Mark = Offload{}, 0
}

// Bytes is the frame, from the destination address on. It is a view: writing it
// changes the frame.
func (f *Frame) Bytes() []byte { return f.buf[f.off:f.end] }

// Ethernet is the frame as a header view.
func (f *Frame) Ethernet() wire.Ethernet { return wire.Ethernet(f.Bytes()) }

// Len is the frame's length in bytes.
func (f *Frame) Len() int { return int(f.end - f.off) }

// Front is the n bytes just before the frame, or nil where the headroom is
// smaller. A port writes its vnet header there.
func (f *Frame) Front(n int) []byte {
	if uint32(n) > f.off {
		return nil
	}
	return f.buf[f.off-uint32(n) : f.off]
}

// WithFront is the frame together with the n bytes before it.
func (f *Frame) WithFront(n int) []byte { return f.buf[f.off-uint32(n) : f.end] }

// Push grows the frame by n bytes at its front, which the caller fills, and
// moves the offsets of its Offload along. It reports false, and leaves the
// frame as it is, where the headroom is smaller or an offset would not fit its
// 16 bits.
func (f *Frame) Push(n int) bool {
	if uint32(n) > f.off || !f.Offload.shift(n) {
		return false
	}
	f.off -= uint32(n)
	return true
}

// Pull removes n bytes from the front of the frame and moves the offsets of
// its Offload along. It reports false, and leaves the frame as it is, where the
// frame is shorter or the unfinished checksum starts within those bytes.
func (f *Frame) Pull(n int) bool {
	if uint(n) > uint(f.Len()) || !f.Offload.shift(-n) {
		return false
	}
	f.off += uint32(n)
	return true
}

// Grow adds n bytes behind the frame and returns them to be written; nil where
// there is no such room.
func (f *Frame) Grow(n int) []byte {
	at := int(f.end)
	if at+n > len(f.buf) {
		return nil
	}
	f.end += uint32(n)
	return f.buf[at : at+n]
}

// Truncate cuts the frame to n bytes; a longer n leaves it as it is.
func (f *Frame) Truncate(n int) {
	if uint(n) < uint(f.Len()) {
		f.end = f.off + uint32(n)
	}
}

// InsertVLAN puts a tag that the kernel took off the frame back between the
// addresses and the type: tpid is the tag's EtherType, tci its priority and
// VLAN identifier. It reports false where there is no headroom or the frame
// ends within the addresses.
func (f *Frame) InsertVLAN(tpid, tci uint16) bool {
	if f.Len() < 12 || !f.Push(wire.VLANLen) {
		return false
	}
	b := f.Bytes()
	copy(b[:12], b[wire.VLANLen:])
	b[12], b[13], b[14], b[15] = byte(tpid>>8), byte(tpid), byte(tci>>8), byte(tci)
	return true
}

// RemoveVLAN takes the tag behind the addresses off: the reverse of InsertVLAN.
// It reports false, and leaves the frame as it is, where the frame ends within
// the tag or an unfinished checksum starts there.
func (f *Frame) RemoveVLAN() bool {
	b := f.Bytes()
	if len(b) < wire.EthernetLen+wire.VLANLen || !f.Pull(wire.VLANLen) {
		return false
	}
	copy(b[wire.VLANLen:], b[:12])
	return true
}

// Batch is what a port receives and sends at once. Frames beyond N are
// undefined.
type Batch struct {
	Frames [BatchSize]Frame
	N      int
	Arena  *Arena // memory for ports that do not receive into a ring of their own
	taken  [BatchSize]Handle
	nTaken int
}

// Reset empties the batch and gives the arena buffers that it took back.
func (b *Batch) Reset() {
	for i := range b.nTaken {
		b.Arena.Put(b.taken[i])
	}
	b.nTaken, b.N = 0, 0
}

// Full reports whether no further frame fits.
func (b *Batch) Full() bool { return b.N == BatchSize }

// Take lends an arena buffer to the batch until Reset: nil where the arena is
// used up or the batch has taken BatchSize buffers.
func (b *Batch) Take() []byte {
	if b.nTaken == BatchSize {
		return nil
	}
	h, buf := b.Arena.Get()
	if buf == nil {
		return nil
	}
	b.taken[b.nTaken] = h
	b.nTaken++
	return buf
}

// Add appends a frame, the n bytes of buf from off on, and returns it; nil when
// the batch is full.
func (b *Batch) Add(buf []byte, off, n int) *Frame {
	if b.Full() {
		return nil
	}
	f := &b.Frames[b.N]
	b.N++
	f.Set(buf, off, n)
	return f
}

// AddCopy appends a copy of data in a buffer of the arena; nil when there is no
// room.
func (b *Batch) AddCopy(data []byte) *Frame {
	if b.Full() || len(data) > MaxLen {
		return nil
	}
	buf := b.Take()
	if buf == nil || len(data)+Headroom > len(buf) {
		return nil
	}
	n := copy(buf[Headroom:], data)
	return b.Add(buf, Headroom, n)
}
