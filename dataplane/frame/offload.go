package frame

import (
	"encoding/binary"

	"ubridge/internal/wire"
)

// VnetLen is the length in bytes of struct virtio_net_hdr, the legacy form
// without num_buffers that taps and packet sockets use by default.
const VnetLen = 10

// Flags of an Offload (linux/virtio_net.h, VIRTIO_NET_HDR_F_*).
const (
	NeedsCsum = 1 // the checksum at CsumStart+CsumOffset holds only the pseudo-header sum
	DataValid = 2 // the receiver's hardware verified the checksum; means nothing on send
)

// GSO is the kind of superframe (VIRTIO_NET_HDR_GSO_*); GSOECN may be added.
type GSO uint8

// Kinds of superframe.
const (
	GSONone  GSO = 0
	GSOTCP4  GSO = 1
	GSOUDP   GSO = 3 // UFO: one datagram to be fragmented by IP; no longer made by current kernels
	GSOTCP6  GSO = 4
	GSOUDPL4 GSO = 5 // USO: datagrams of equal size
	GSOECN   GSO = 0x80
)

// Kind is g without the ECN bit.
func (g GSO) Kind() GSO { return g &^ GSOECN }

// Offload is what a sender left undone: struct virtio_net_hdr in host order.
// The zero value says that the frame is ordinary and complete. Offsets count
// from the first byte of the frame.
type Offload struct {
	Flags      uint8
	GSO        GSO
	HdrLen     uint16 // bytes of headers, link to transport, that every segment repeats
	GSOSize    uint16 // payload bytes per segment
	CsumStart  uint16 // where summing starts
	CsumOffset uint16 // where, from CsumStart on, the sum is stored
}

// IsGSO reports whether the frame is a superframe.
func (o Offload) IsGSO() bool { return o.GSO.Kind() != GSONone }

// NeedsCsum reports whether a checksum is unfinished.
func (o Offload) NeedsCsum() bool { return o.Flags&NeedsCsum != 0 }

// Decode reads a vnet header; b holds at least VnetLen bytes. Taps and packet
// sockets use the host's byte order, which is little-endian wherever ubridge
// runs (amd64, arm64, riscv64).
func (o *Offload) Decode(b []byte) {
	_ = b[VnetLen-1]
	o.Flags, o.GSO = b[0], GSO(b[1])
	o.HdrLen = binary.LittleEndian.Uint16(b[2:])
	o.GSOSize = binary.LittleEndian.Uint16(b[4:])
	o.CsumStart = binary.LittleEndian.Uint16(b[6:])
	o.CsumOffset = binary.LittleEndian.Uint16(b[8:])
}

// Encode writes a vnet header; b holds at least VnetLen bytes. Of the flags
// only NeedsCsum is kept: the others say something of the receiving hardware,
// or change the meaning of fields that are passed on as they are.
func (o Offload) Encode(b []byte) {
	_ = b[VnetLen-1]
	b[0], b[1] = o.Flags&NeedsCsum, byte(o.GSO)
	binary.LittleEndian.PutUint16(b[2:], o.HdrLen)
	binary.LittleEndian.PutUint16(b[4:], o.GSOSize)
	binary.LittleEndian.PutUint16(b[6:], o.CsumStart)
	binary.LittleEndian.PutUint16(b[8:], o.CsumOffset)
}

// shift moves the offsets by n bytes after headers were put in front or taken
// away; fields that say nothing stay zero. It reports false, and changes
// nothing, where the checksum's start would leave its 16 bits. HdrLen is only a
// hint: where it would, it is forgotten.
func (o *Offload) shift(n int) bool {
	if start := int(o.CsumStart) + n; o.NeedsCsum() {
		if start != int(uint16(start)) {
			return false
		}
		o.CsumStart = uint16(start)
	}
	if o.HdrLen != 0 {
		hdr := int(o.HdrLen) + n
		if hdr != int(uint16(hdr)) {
			hdr = 0
		}
		o.HdrLen = uint16(hdr)
	}
	return true
}

// Valid reports whether the offload tells the truth about a frame of n bytes:
// offsets inside it, a known kind of superframe with a segment size and with
// that protocol's checksum to finish. Frames for which it does not are dropped
// as BadOffload, since the kernel would refuse them (virtio_net_hdr_to_skb) or,
// worse, write outside.
func (o Offload) Valid(n int) bool {
	if o.NeedsCsum() {
		at := int(o.CsumStart) + int(o.CsumOffset)
		if int(o.CsumStart) < wire.EthernetLen || at+2 > n {
			return false
		}
	}
	switch o.GSO.Kind() {
	case GSONone:
		return o.GSO == GSONone // the ECN bit alone is no kind
	case GSOTCP4, GSOTCP6:
		return o.validSegments(n) && o.CsumOffset == wire.TCPChecksumOffset
	case GSOUDPL4:
		return o.validSegments(n) && o.CsumOffset == wire.UDPChecksumOffset
	}
	return false
}

// gsoByFrags is the segment size by which the kernel names a list of fragments
// (GSO_BY_FRAGS, linux/skbuff.h); no outside header may say it.
const gsoByFrags = 0xffff

func (o Offload) validSegments(n int) bool {
	return o.GSOSize > 0 && o.GSOSize != gsoByFrags && o.NeedsCsum() && int(o.HdrLen) <= n
}

// Headers is the length in bytes of the headers that every segment of a
// superframe repeats, read from the frame itself: HdrLen is only a hint and a
// guest may lie. ok is false for a superframe that is not what its kind says.
func (o Offload) Headers(b []byte) (n int, ok bool) {
	start := int(o.CsumStart)
	if start > len(b) {
		return 0, false
	}
	switch o.GSO.Kind() {
	case GSOTCP4, GSOTCP6:
		t, ok := wire.ParseTCP(b[start:])
		if !ok {
			return 0, false
		}
		return start + t.HeaderLen(), true
	case GSOUDPL4:
		return start + wire.UDPLen, start+wire.UDPLen <= len(b)
	}
	return 0, false
}
