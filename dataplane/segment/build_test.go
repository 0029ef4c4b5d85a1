package segment

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// super describes a frame as a guest with offloads sends it.
type super struct {
	udp, v6  bool
	tags     int  // VLAN tags
	options  int  // 32-bit words of IPv4 options, or IPv6 extension headers
	routed   bool // IPv6: by way of another node, so that the header's destination is not the final one
	tcpWords int  // 32-bit words of TCP options
	flags    byte
	id       uint16
	seq      uint32
	mss      int
	payload  int
}

// finalDst is the destination that transport checksums cover.
var finalDst = [16]byte{0xfd, 0, 15: 99}

func (s super) proto() byte {
	if s.udp {
		return wire.ProtoUDP
	}
	return wire.ProtoTCP
}

// frame builds the frame with its pseudo-header sum and offload.
func (s super) frame() *frame.Frame {
	b := make([]byte, frame.Headroom, frame.Headroom+frame.MaxLen)
	b = append(b, 0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 1)
	for i := range s.tags {
		b = append(b, 0x81, 0, 0, byte(10+i))
	}
	transport := s.transport()
	var sum uint64
	if s.v6 {
		b, sum = s.ipv6(b, len(transport))
	} else {
		b, sum = s.ipv4(b, len(transport))
	}
	start := len(b) - frame.Headroom
	b = append(b, transport...)
	o := frame.Offload{Flags: frame.NeedsCsum, GSO: s.kind(), GSOSize: uint16(s.mss), CsumStart: uint16(start), CsumOffset: s.csumOffset()}
	binary.BigEndian.PutUint16(b[frame.Headroom+start+int(o.CsumOffset):], wire.Fold(sum))
	f := new(frame.Frame)
	f.Set(b, frame.Headroom, len(b)-frame.Headroom)
	f.Offload = o
	return f
}

func (s super) kind() frame.GSO {
	switch {
	case s.mss == 0:
		return frame.GSONone
	case s.udp:
		return frame.GSOUDPL4
	case s.v6:
		return frame.GSOTCP6
	case s.flags&wire.TCPCwr != 0:
		return frame.GSOTCP4 | frame.GSOECN
	}
	return frame.GSOTCP4
}

func (s super) csumOffset() uint16 {
	if s.udp {
		return wire.UDPChecksumOffset
	}
	return wire.TCPChecksumOffset
}

func (s super) ipv4(b []byte, transport int) ([]byte, uint64) {
	b = binary.BigEndian.AppendUint16(b, wire.TypeIPv4)
	p := make(wire.IPv4, wire.IPv4Len+4*s.options)
	p[0], p[1], p[6], p[8], p[9] = byte(0x45+s.options), 0x02, 0x40, 64, s.proto()
	for i := range 4 * s.options {
		p[wire.IPv4Len+i] = 1 // no operation
	}
	src, dst := wire.IP4{10, 0, 0, 1}, wire.IP4{10, 0, 0, 2}
	copy(p[12:], src[:])
	copy(p[16:], dst[:])
	p.SetID(s.id)
	p.SetTotalLen(len(p) + transport)
	p.FillChecksum()
	return append(b, p...), wire.PseudoIPv4(src, dst, s.proto(), transport)
}

func (s super) ipv6(b []byte, transport int) ([]byte, uint64) {
	b = binary.BigEndian.AppendUint16(b, wire.TypeIPv6)
	p := make([]byte, wire.IPv6Len)
	copy(p, []byte{0x60, 0x0a, 0xbc, 0xde, 0, 0, s.proto(), 64, 0xfe, 0x80})
	copy(p[24:], finalDst[:])
	dst := finalDst[:]
	if s.routed {
		p[39] = 7 // the node that is visited first
		p = append(chain(p, 43), 2, 2, 1, 0, 0, 0, 0)
		p = append(p, finalDst[:]...)
	}
	for range s.options {
		p = append(chain(p, 60), 0, 1, 4, 0, 0, 0, 0)
	}
	wire.IPv6(p).SetPayloadLen(len(p) - wire.IPv6Len + transport)
	return append(b, p...), wire.PseudoIPv6(p[8:24], dst, s.proto(), transport)
}

// chain puts an extension header of type typ before all others and leaves its
// first byte, the type of the next, at the end of p: so p is built by the last
// header pointing to the transport.
func chain(p []byte, typ byte) []byte {
	last := 6
	for off := wire.IPv6Len; off < len(p); off += 8 + 8*int(p[off+1]) {
		last = off
	}
	proto := p[last]
	p[last] = typ
	return append(p, proto)
}

func (s super) transport() []byte {
	h := make([]byte, wire.UDPLen)
	if !s.udp {
		h = make([]byte, wire.TCPLen+4*s.tcpWords)
		h[12], h[13], h[15] = byte(5+s.tcpWords)<<4, s.flags, 0x40
		wire.TCP(h).SetSeq(s.seq)
		for i := wire.TCPLen; i < len(h); i++ {
			h[i] = 1 // no operation
		}
	}
	h[0], h[1], h[2], h[3] = 0x9c, 0x40, 0x14, 0x51
	data := make([]byte, s.payload)
	rand.NewChaCha8([32]byte{byte(s.payload)}).Read(data)
	h = append(h, data...)
	if s.udp {
		wire.UDP(h).SetLen(len(h))
	}
	return h
}

// arena is memory for n buffers.
func arena(t testing.TB, n int) *frame.Arena {
	t.Helper()
	a, err := frame.NewArena(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// made is a copy of a frame that the cutter made.
type made struct {
	b []byte
	o frame.Offload
}

// fataler is what *testing.T and *rapid.T share.
type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// cut runs a cutter to its end.
func cut(t fataler, a *frame.Arena, f *frame.Frame, caps frame.Caps) (all []made, r frame.Reason) {
	t.Helper()
	var c Cutter
	if r := c.Start(f, caps); r != frame.Forwarded {
		return nil, r
	}
	out := frame.Batch{Arena: a}
	for done := false; !done; {
		out.Reset()
		if done, r = c.Next(&out); r != frame.Forwarded {
			return all, r
		}
		for i := range out.N {
			m := &out.Frames[i]
			if m.Front(frame.Headroom) == nil || m.Grow(1) != nil {
				t.Fatalf("frame %d has not just its headroom", len(all))
			}
			all = append(all, made{append([]byte(nil), m.Bytes()...), m.Offload})
		}
		if len(all) > MaxSegments {
			t.Fatalf("%d segments and no end", len(all))
		}
	}
	out.Reset()
	return all, frame.Forwarded
}
