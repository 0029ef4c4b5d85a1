package wire

import "encoding/binary"

// PortsLen is the length in bytes of the two ports that TCP and UDP headers
// start with.
const PortsLen = 4

// Ports is the start of a TCP or UDP header, at least PortsLen bytes: what an
// ICMP error is sure to carry of the packet that caused it (RFC 792).
type Ports []byte

// Src is the source port.
func (p Ports) Src() uint16 { return binary.BigEndian.Uint16(p) }

// Dst is the destination port.
func (p Ports) Dst() uint16 { return binary.BigEndian.Uint16(p[2:]) }

// SetSrc writes the source port; no checksum is touched.
func (p Ports) SetSrc(v uint16) { binary.BigEndian.PutUint16(p, v) }

// SetDst writes the destination port; no checksum is touched.
func (p Ports) SetDst(v uint16) { binary.BigEndian.PutUint16(p[2:], v) }

// SetID writes the identifier of an echo message; the checksum is not touched.
func (m ICMP) SetID(v uint16) { binary.BigEndian.PutUint16(m[4:], v) }
