package fastpath

import (
	"encoding/binary"

	"ubridge/internal/wire"
)

// packet4 is a packet with its type.
type packet4 struct {
	typ  uint16
	data []byte
}

// anything is a packet of a guest to whomever.
func (g *generator) anything(from int) packet4 {
	if g.one(6) {
		return packet4{pick(g, uint16(wire.TypeARP), 0x86dd, 0x88b5, 0x88a8), make([]byte, 1+g.r.IntN(1600))}
	}
	src := vmIP(from)
	if g.one(8) {
		src = pick(g, gatewayIP, vmIP(1), wire.IP4{10, 7, 0, 0}, wire.IP4{10, 7, 0, 255}, wire.IP4{192, 0, 2, 1})
	}
	dst := pick(g, gatewayIP, gatewayIP, gatewayIP, vmIP(1), vmIP(2), servers[0], outside)
	return g.whole(g.proto(), src, dst, g.port(), pick(g, uint16(53), 67, 80, 443), 8)
}

func (g *generator) proto() byte {
	return pick[byte](g, wire.ProtoTCP, wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDP, wire.ProtoICMP, 132)
}

func (g *generator) port() uint16 { return 1000 + uint16(g.r.IntN(2)) }

// toOutside is a packet of a guest to a server, of few flows, so that they become old.
func (g *generator) toOutside(from int) packet4 {
	dst := pick(g, servers...)
	return g.whole(g.proto(), vmIP(from), dst, g.port(), 80, 8)
}

// fromHost is a packet of the host's stack, or one that it forwards.
func (g *generator) fromHost() packet4 {
	dst := vmIP(1 + g.r.IntN(numGuests))
	src := pick(g, gatewayIP, gatewayIP, gatewayIP, outside, servers[0])
	return g.whole(g.proto(), src, dst, 80, g.port(), 8)
}

// fromOutside is an answer to a flow, or something like it.
func (g *generator) fromOutside() packet4 {
	if len(g.flows) == 0 {
		return packet4{wire.TypeARP, make([]byte, 28)}
	}
	f := pick(g, g.flows...)
	if g.one(10) {
		f.remote, f.outside = pick(g, servers...), f.outside+uint16(g.r.IntN(2))
	}
	sport, dport := f.port, f.outside
	if f.proto == wire.ProtoICMP {
		sport = f.outside
	}
	return g.whole(f.proto, f.remote, outside, sport, dport, 0)
}

func (g *generator) whole(proto byte, src, dst wire.IP4, sport, dport uint16, echo byte) packet4 {
	return packet4{wire.TypeIPv4, g.ip(proto, src, dst, g.l4(proto, src, dst, sport, dport, echo))}
}

// l4 is a transport's packet; of an echo sport is the identifier, and its type is the
// echo's.
func (g *generator) l4(proto byte, src, dst wire.IP4, sport, dport uint16, echo byte) []byte {
	body, at := g.r.IntN(64), 16
	if g.one(12) {
		body = 1300 + g.r.IntN(220)
	}
	b := make([]byte, 8, 40+body)
	switch proto {
	case wire.ProtoTCP:
		b = b[:20+4*g.r.IntN(3)]
		b[12], b[13] = byte(len(b)/4)<<4, g.flags(echo != 0)
		for i := range b[4:12] {
			b[4+i] = byte(g.r.Uint32())
		}
	case wire.ProtoUDP:
		at = 6
	case wire.ProtoICMP:
		if b[0], at = echo, 2; g.one(10) {
			b[0] = pick[byte](g, 0, 3, 8, 13)
		}
		binary.BigEndian.PutUint16(b[4:], sport)
	default:
		at = 4
	}
	for range body {
		b = append(b, byte(g.r.Uint32()))
	}
	if proto != wire.ProtoICMP {
		binary.BigEndian.PutUint16(b, sport)
		binary.BigEndian.PutUint16(b[2:], dport)
	}
	if proto == wire.ProtoUDP {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	}
	return g.sum(b, at, proto, src, dst)
}

// sum fills in the checksum, which now and then is one of UDP's that come out as zero,
// or wrong.
func (g *generator) sum(b []byte, at int, proto byte, src, dst wire.IP4) []byte {
	start := wire.PseudoIPv4(src, dst, proto, len(b))
	if proto == wire.ProtoICMP {
		start = 0
	}
	c := ^wire.Fold(wire.Sum(b, start))
	switch {
	case proto == wire.ProtoUDP && (c == 0 || g.one(10)):
		c = pick[uint16](g, 0, 0xffff)
	case g.one(30):
		c = uint16(g.r.Uint32())
	}
	binary.BigEndian.PutUint16(b[at:], c)
	return b
}

// flags of a guest or of its remote: a connection opens, goes on, or ends.
func (g *generator) flags(guest bool) byte {
	const fin, syn, rst, psh, ack = 1, 2, 4, 8, 16
	switch {
	case g.one(30):
		return pick[byte](g, fin|ack, rst, rst|ack, 0, syn|fin, fin)
	case g.one(4) && guest:
		return syn
	case g.one(4):
		return syn | ack
	}
	return pick[byte](g, ack, ack|psh, ack|0x40)
}

// ip wraps a transport's packet, now and then with options, as a fragment, near its end
// or damaged.
func (g *generator) ip(proto byte, src, dst wire.IP4, l4 []byte) []byte {
	n := wire.IPv4Len
	if g.one(25) {
		n += 4
	}
	p := make(wire.IPv4, n, n+len(l4))
	if p[0], p[8], p[9] = 0x40|byte(n/4), pick[byte](g, 64, 64, 64, 64, 64, 255, 2, 1, 0), proto; n > wire.IPv4Len {
		copy(p[20:], []byte{1, 1, 1, 0})
	}
	p.SetSrc(src)
	p.SetDst(dst)
	p = append(p, l4...)
	p.SetTotalLen(len(p))
	switch {
	case g.one(25):
		binary.BigEndian.PutUint16(p[6:], pick[uint16](g, 0x2000, 0x2001, 1))
	case g.one(4):
		p[6] = 0x40
	}
	if g.one(40) {
		p.SetTotalLen(g.r.IntN(len(p) + 10))
	}
	p.FillChecksum()
	if g.one(40) {
		p[10] ^= 1
	}
	return p
}
