package wire

import (
	"encoding/binary"
	"net/netip"
)

// IP protocol numbers (IANA "Assigned Internet Protocol Numbers").
const (
	ProtoICMP   = 1
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoICMPv6 = 58

	protoHopByHop    = 0  // RFC 8200 §4.3
	protoRouting     = 43 // RFC 8200 §4.4
	protoDestination = 60 // RFC 8200 §4.6
)

// Minimum header lengths in bytes.
const (
	IPv4Len = 20
	IPv6Len = 40
)

// IP4 is an IPv4 address in network order.
type IP4 [4]byte

// Uint32 is the address as a host-order number, for arithmetic and hashing.
func (a IP4) Uint32() uint32 { return binary.BigEndian.Uint32(a[:]) }

// IP4FromUint32 is the inverse of IP4.Uint32.
func IP4FromUint32(v uint32) (a IP4) {
	binary.BigEndian.PutUint32(a[:], v)
	return a
}

// Addr is the address as a netip.Addr.
func (a IP4) Addr() netip.Addr { return netip.AddrFrom4(a) }

// IsZero reports whether a is 0.0.0.0.
func (a IP4) IsZero() bool { return a == IP4{} }

// IsMulticast reports whether a is in 224.0.0.0/4 (RFC 5771).
func (a IP4) IsMulticast() bool { return a[0]&0xf0 == 0xe0 }

// IPv4 is a whole IPv4 packet whose lengths ParseIPv4 has checked; it ends
// where the header's total length says (Ethernet padding is cut off).
type IPv4 []byte

// ParseIPv4 checks version, header length and total length (RFC 791 §3.1).
// The header checksum is not verified: see IPv4.ChecksumOK.
func ParseIPv4(b []byte) (IPv4, bool) {
	if len(b) < IPv4Len || b[0]>>4 != 4 {
		return nil, false
	}
	hl, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if hl < IPv4Len || total < hl || total > len(b) {
		return nil, false
	}
	return IPv4(b[:total]), true
}

// ParseIPv4Header is ParseIPv4 for a packet that may be cut short behind its
// header, as the one inside an ICMP error is; the slice keeps what there is.
func ParseIPv4Header(b []byte) (IPv4, bool) {
	if len(b) < IPv4Len || b[0]>>4 != 4 {
		return nil, false
	}
	if hl := int(b[0]&15) * 4; hl < IPv4Len || hl > len(b) {
		return nil, false
	}
	return IPv4(b), true
}

// HeaderLen is the header's length in bytes, options included.
func (p IPv4) HeaderLen() int { return int(p[0]&15) * 4 }

// TOS is the type-of-service byte (DSCP and ECN).
func (p IPv4) TOS() byte { return p[1] }

// TotalLen is the total length field in bytes.
func (p IPv4) TotalLen() int { return int(binary.BigEndian.Uint16(p[2:])) }

// ID is the identification field, by which fragments are matched.
func (p IPv4) ID() uint16 { return binary.BigEndian.Uint16(p[4:]) }

// DontFragment reports the DF bit.
func (p IPv4) DontFragment() bool { return p[6]&0x40 != 0 }

// MoreFragments reports the MF bit.
func (p IPv4) MoreFragments() bool { return p[6]&0x20 != 0 }

// FragmentOffset is the offset of this fragment in bytes.
func (p IPv4) FragmentOffset() int { return int(binary.BigEndian.Uint16(p[6:])&0x1fff) * 8 }

// IsFragment reports whether p is not a whole datagram.
func (p IPv4) IsFragment() bool { return binary.BigEndian.Uint16(p[6:])&0x3fff != 0 }

// TTL is the time to live in hops.
func (p IPv4) TTL() byte { return p[8] }

// Proto is the protocol number of the payload.
func (p IPv4) Proto() byte { return p[9] }

// Checksum is the header checksum field.
func (p IPv4) Checksum() uint16 { return binary.BigEndian.Uint16(p[10:]) }

// Src is the source address.
func (p IPv4) Src() IP4 { return IP4(p[12:16]) }

// Dst is the destination address.
func (p IPv4) Dst() IP4 { return IP4(p[16:20]) }

// Payload is what follows the header.
func (p IPv4) Payload() []byte { return p[p.HeaderLen():] }

// ChecksumOK verifies the header checksum.
func (p IPv4) ChecksumOK() bool { return Fold(Sum(p[:p.HeaderLen()], 0)) == 0xffff }

// SetID writes the identification field; the checksum is not touched.
func (p IPv4) SetID(v uint16) { binary.BigEndian.PutUint16(p[4:], v) }

// SetTotalLen writes the total length; the checksum is not touched.
func (p IPv4) SetTotalLen(n int) { binary.BigEndian.PutUint16(p[2:], uint16(n)) }

// SetChecksum writes the header checksum.
func (p IPv4) SetChecksum(c uint16) { binary.BigEndian.PutUint16(p[10:], c) }

// FillChecksum computes and writes the header checksum.
func (p IPv4) FillChecksum() {
	p.SetChecksum(0)
	p.SetChecksum(^Fold(Sum(p[:p.HeaderLen()], 0)))
}

// DecTTL lowers the time to live by one hop and keeps the checksum true.
func (p IPv4) DecTTL() {
	was := binary.BigEndian.Uint16(p[8:])
	p[8]--
	p.SetChecksum(Update16(p.Checksum(), was, binary.BigEndian.Uint16(p[8:])))
}

// SetSrc writes the source address and keeps the header checksum true.
func (p IPv4) SetSrc(a IP4) { p.setAddr(12, a) }

// SetDst writes the destination address and keeps the header checksum true.
func (p IPv4) SetDst(a IP4) { p.setAddr(16, a) }

func (p IPv4) setAddr(off int, a IP4) {
	was := binary.BigEndian.Uint32(p[off:])
	copy(p[off:], a[:])
	p.SetChecksum(Update32(p.Checksum(), was, a.Uint32()))
}

// IPv6 is a packet that starts with a whole IPv6 header (RFC 8200 §3).
type IPv6 []byte

// ParseIPv6 checks version and payload length; a payload length of zero
// (jumbogram or superframe) takes the slice's own length.
func ParseIPv6(b []byte) (IPv6, bool) {
	if len(b) < IPv6Len || b[0]>>4 != 6 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n == 0 {
		return IPv6(b), true
	}
	if IPv6Len+n > len(b) {
		return nil, false
	}
	return IPv6(b[:IPv6Len+n]), true
}

// PayloadLen is the payload length field in bytes.
func (p IPv6) PayloadLen() int { return int(binary.BigEndian.Uint16(p[4:])) }

// SetPayloadLen writes the payload length.
func (p IPv6) SetPayloadLen(n int) { binary.BigEndian.PutUint16(p[4:], uint16(n)) }

// NextHeader is the protocol after the fixed header.
func (p IPv6) NextHeader() byte { return p[6] }

// Src is the 16-byte source address, a view.
func (p IPv6) Src() []byte { return p[8:24] }

// Dst is the 16-byte destination address, a view.
func (p IPv6) Dst() []byte { return p[24:40] }

// Transport finds what follows the extension headers that every fragment or
// segment of a packet repeats (hop-by-hop, routing, destination options): its
// protocol number and its offset in p. A fragment header is not looked through
// and is answered as the protocol. ok is false for a packet that ends within an
// extension header.
func (p IPv6) Transport() (proto byte, off int, ok bool) {
	proto, off = p.NextHeader(), IPv6Len
	for proto == protoHopByHop || proto == protoRouting || proto == protoDestination {
		if off+2 > len(p) {
			return 0, 0, false
		}
		proto, off = p[off], off+8+8*int(p[off+1])
	}
	return proto, off, off <= len(p)
}
