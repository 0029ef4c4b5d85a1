package wire

import "encoding/binary"

// Minimum transport header lengths in bytes.
const (
	TCPLen  = 20
	UDPLen  = 8
	ICMPLen = 8
)

// Byte offsets of checksum fields inside their headers, as virtio's
// csum_offset gives them.
const (
	TCPChecksumOffset  = 16
	UDPChecksumOffset  = 6
	ICMPChecksumOffset = 2
)

// TCP flag bits (RFC 9293 §3.1).
const (
	TCPFin = 1 << iota
	TCPSyn
	TCPRst
	TCPPsh
	TCPAck
	TCPUrg
	TCPEce
	TCPCwr
)

// TCP is a segment whose header length ParseTCP has checked.
type TCP []byte

// ParseTCP checks that b holds a whole TCP header with its options.
func ParseTCP(b []byte) (TCP, bool) {
	if len(b) < TCPLen {
		return nil, false
	}
	hl := int(b[12]>>4) * 4
	if hl < TCPLen || hl > len(b) {
		return nil, false
	}
	return TCP(b), true
}

// SrcPort is the source port.
func (t TCP) SrcPort() uint16 { return binary.BigEndian.Uint16(t) }

// DstPort is the destination port.
func (t TCP) DstPort() uint16 { return binary.BigEndian.Uint16(t[2:]) }

// Seq is the sequence number.
func (t TCP) Seq() uint32 { return binary.BigEndian.Uint32(t[4:]) }

// SetSeq writes the sequence number; the checksum is not touched.
func (t TCP) SetSeq(v uint32) { binary.BigEndian.PutUint32(t[4:], v) }

// HeaderLen is the header's length in bytes, options included.
func (t TCP) HeaderLen() int { return int(t[12]>>4) * 4 }

// Flags is the low flags byte: TCPFin and the rest.
func (t TCP) Flags() byte { return t[13] }

// SetFlags writes the low flags byte; the checksum is not touched.
func (t TCP) SetFlags(v byte) { t[13] = v }

// Options is the part of the header behind the fixed 20 bytes.
func (t TCP) Options() []byte { return t[TCPLen:t.HeaderLen()] }

// Checksum is the checksum field.
func (t TCP) Checksum() uint16 { return binary.BigEndian.Uint16(t[TCPChecksumOffset:]) }

// SetChecksum writes the checksum field.
func (t TCP) SetChecksum(c uint16) { binary.BigEndian.PutUint16(t[TCPChecksumOffset:], c) }

// UDP is a datagram of at least UDPLen bytes.
type UDP []byte

// ParseUDP checks that b holds a whole UDP datagram and cuts it to its own
// length. A length field of zero or one shorter than the header is refused; one
// larger than b (a superframe's first header, or a fragment) keeps all of b.
func ParseUDP(b []byte) (UDP, bool) {
	if len(b) < UDPLen {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < UDPLen {
		return nil, false
	}
	return UDP(b[:min(n, len(b))]), true
}

// SrcPort is the source port.
func (u UDP) SrcPort() uint16 { return binary.BigEndian.Uint16(u) }

// DstPort is the destination port.
func (u UDP) DstPort() uint16 { return binary.BigEndian.Uint16(u[2:]) }

// Len is the length field in bytes, header included.
func (u UDP) Len() int { return int(binary.BigEndian.Uint16(u[4:])) }

// SetLen writes the length field.
func (u UDP) SetLen(n int) { binary.BigEndian.PutUint16(u[4:], uint16(n)) }

// Checksum is the checksum field; zero means none was computed (RFC 768).
func (u UDP) Checksum() uint16 { return binary.BigEndian.Uint16(u[UDPChecksumOffset:]) }

// SetChecksum writes the checksum field.
func (u UDP) SetChecksum(c uint16) { binary.BigEndian.PutUint16(u[UDPChecksumOffset:], c) }

// Payload is what follows the header.
func (u UDP) Payload() []byte { return u[UDPLen:] }

// ICMP types and codes used here (RFC 792, RFC 1191, RFC 1812 §5.2.7).
const (
	ICMPEchoReply      = 0
	ICMPUnreachable    = 3
	ICMPSourceQuench   = 4
	ICMPRedirect       = 5
	ICMPEcho           = 8
	ICMPTimeExceeded   = 11
	ICMPParamProblem   = 12
	ICMPCodeNet        = 0  // network unreachable
	ICMPCodeHost       = 1  // host unreachable
	ICMPCodeFragNeeded = 4  // fragmentation needed and DF set
	ICMPCodeProhibited = 13 // communication administratively prohibited
)

// ICMP is a message of at least ICMPLen bytes.
type ICMP []byte

// ParseICMP checks that b holds a whole ICMP header.
func ParseICMP(b []byte) (ICMP, bool) {
	if len(b) < ICMPLen {
		return nil, false
	}
	return ICMP(b), true
}

// Type is the message type.
func (m ICMP) Type() byte { return m[0] }

// Code is the message code.
func (m ICMP) Code() byte { return m[1] }

// IsError reports whether m carries the header of the packet that caused it.
func (m ICMP) IsError() bool {
	switch m.Type() {
	case ICMPUnreachable, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParamProblem:
		return true
	}
	return false
}

// Checksum is the checksum field.
func (m ICMP) Checksum() uint16 { return binary.BigEndian.Uint16(m[ICMPChecksumOffset:]) }

// SetChecksum writes the checksum field.
func (m ICMP) SetChecksum(c uint16) { binary.BigEndian.PutUint16(m[ICMPChecksumOffset:], c) }

// ID is the identifier of an echo message.
func (m ICMP) ID() uint16 { return binary.BigEndian.Uint16(m[4:]) }

// Embedded is the IP packet inside an error message, possibly cut short.
func (m ICMP) Embedded() []byte { return m[ICMPLen:] }
