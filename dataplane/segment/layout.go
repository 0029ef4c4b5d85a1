package segment

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// MaxSegments bounds the work that one frame may cause. It allows for segments
// of 32 bytes: less than TCP sends over any path that the kernel accepts
// (tcp_min_snd_mss of 48, less 12 bytes of timestamps), and more datagrams than
// UDP_MAX_SEGMENTS (128).
const MaxSegments = 65536 / 32

// layout is where the headers of a superframe are, and what every segment
// derives from them.
type layout struct {
	v6, udp bool
	l3, l4  int    // offsets of the network and the transport header
	payload int    // offset of what is cut
	id      uint16 // IPv4 identification of the first segment
	seq     uint32 // TCP sequence number of the first segment
	flags   byte   // TCP flags of the superframe
	partial uint64 // pseudo-header sum without the length
}

// read finds the headers of a superframe; ok is false where they are not what
// its offload, which is valid, says.
func read(b []byte, o frame.Offload) (l layout, ok bool) {
	typ, l3, ok := wire.Ethernet(b).L3()
	if !ok {
		return l, false
	}
	l.l3, l.l4, l.v6 = l3, int(o.CsumStart), typ == wire.TypeIPv6
	var proto byte
	switch {
	case typ == wire.TypeIPv4 && o.GSO.Kind() != frame.GSOTCP6:
		proto, ok = l.readIPv4(b)
	case typ == wire.TypeIPv6 && o.GSO.Kind() != frame.GSOTCP4:
		proto, ok = l.readIPv6(b)
	default:
		return l, false
	}
	if !ok {
		return l, false
	}
	if l.payload, ok = o.Headers(b); !ok {
		return l, false
	}
	if l.udp = o.GSO.Kind() == frame.GSOUDPL4; l.udp {
		l.readUDP(b)
		return l, proto == wire.ProtoUDP
	}
	l.readTCP(b)
	return l, proto == wire.ProtoTCP
}

// readIPv4 leaves the total length aside: a superframe ends where the frame
// does.
func (l *layout) readIPv4(b []byte) (proto byte, ok bool) {
	p, ok := wire.ParseIPv4Header(b[l.l3:])
	if !ok || p.IsFragment() || l.l3+p.HeaderLen() != l.l4 {
		return 0, false
	}
	l.id = p.ID()
	return p.Proto(), true
}

func (l *layout) readIPv6(b []byte) (proto byte, ok bool) {
	p := wire.IPv6(b[l.l3:])
	if len(p) < wire.IPv6Len || p[0]>>4 != 6 {
		return 0, false
	}
	proto, off, ok := p.Transport()
	return proto, ok && l.l3+off == l.l4
}

// readTCP takes the length in the pseudo-header for that of the whole frame from
// the TCP header on, as the kernel does.
func (l *layout) readTCP(b []byte) {
	t := wire.TCP(b[l.l4:])
	l.seq, l.flags = t.Seq(), t.Flags()
	l.partial = without(t.Checksum(), uint16(len(t)))
}

// readUDP takes the length in the pseudo-header for that in the UDP header.
func (l *layout) readUDP(b []byte) {
	u := wire.UDP(b[l.l4:])
	l.partial = without(u.Checksum(), uint16(u.Len()))
}

// without is a sum without one of its terms.
func without(sum, term uint16) uint64 { return uint64(sum) + uint64(^term) }
