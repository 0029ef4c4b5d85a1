package wire

import (
	"encoding/binary"
	"fmt"
)

// EtherTypes, from the IANA registry "IEEE 802 Numbers".
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeVLAN = 0x8100 // 802.1Q customer tag
	TypeQinQ = 0x88a8 // 802.1ad service tag
	TypeIPv6 = 0x86dd
)

// Lengths of link-layer headers in bytes.
const (
	EthernetLen = 14 // two addresses and the type, no frame check sequence
	VLANLen     = 4  // one 802.1Q tag
)

// MAC is a 48-bit IEEE 802 address in transmission order.
type MAC [6]byte

// Broadcast is the all-ones group address.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// IsGroup reports whether m names more than one station (I/G bit, IEEE 802
// clause 8.2): multicast and broadcast.
func (m MAC) IsGroup() bool { return m[0]&1 != 0 }

// IsZero reports whether m is 00:00:00:00:00:00, which no station may use.
func (m MAC) IsZero() bool { return m == MAC{} }

// Group addresses that a bridge keeps to itself: see MAC.IsReserved.
var (
	STPGroup  = MAC{0x01, 0x80, 0xc2, 0, 0, 0x00}       // bridge protocol data units, IEEE 802.1D
	PAEGroup  = MAC{0x01, 0x80, 0xc2, 0, 0, 0x03}       // port access entities, IEEE 802.1X
	PVSTGroup = MAC{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd} // Cisco's bridge protocol data units for each VLAN
)

// IsReserved reports whether m is one of 01:80:C2:00:00:00 to 0F, which a
// bridge never forwards (802.1Q table 8-1), or the group to which Cisco's bridges
// send what others send to the first of these.
func (m MAC) IsReserved() bool {
	return m[0] == 0x01 && (m[1] == 0x80 && m[2] == 0xc2 && m[3] == 0 && m[4] == 0 && m[5]&0xf0 == 0 || m == PVSTGroup)
}

// Uint64 is m as a number, for hashing and compact keys. It reads four bytes and
// two, as Go copies a MAC: other pieces would straddle two stores that are
// still under way, and wait for them.
func (m MAC) Uint64() uint64 {
	return uint64(binary.BigEndian.Uint32(m[:4]))<<16 | uint64(binary.BigEndian.Uint16(m[4:]))
}

// MACFromUint64 is the inverse of MAC.Uint64.
func MACFromUint64(v uint64) (m MAC) {
	m[0], m[1] = byte(v>>40), byte(v>>32)
	binary.BigEndian.PutUint32(m[2:], uint32(v))
	return m
}

// String formats m as lower-case hex pairs joined by colons.
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// MarshalText makes MAC print as a string in JSON and TOML.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what String writes.
func (m *MAC) UnmarshalText(text []byte) error {
	v, err := ParseMAC(string(text))
	if err == nil {
		*m = v
	}
	return err
}

// ParseMAC reads six hex pairs joined by colons or hyphens.
func ParseMAC(s string) (m MAC, err error) {
	if len(s) != 17 {
		return m, fmt.Errorf("%q is not a MAC address: write six hex pairs, as 52:54:00:12:34:56", s)
	}
	for i := range m {
		if i > 0 && s[3*i-1] != ':' && s[3*i-1] != '-' {
			return MAC{}, fmt.Errorf("%q is not a MAC address: pairs are joined by colons", s)
		}
		hi, lo := unhex(s[3*i]), unhex(s[3*i+1])
		if hi > 15 || lo > 15 {
			return MAC{}, fmt.Errorf("%q is not a MAC address: %q is not a hex pair", s, s[3*i:3*i+2])
		}
		m[i] = hi<<4 | lo
	}
	return m, nil
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// Ethernet is a frame of at least EthernetLen bytes.
type Ethernet []byte

// Dst is the destination address.
func (e Ethernet) Dst() MAC { return MAC(e[0:6]) }

// Src is the source address.
func (e Ethernet) Src() MAC { return MAC(e[6:12]) }

// Type is the EtherType (or 802.3 length) after the addresses; a tag is not
// looked through.
func (e Ethernet) Type() uint16 { return binary.BigEndian.Uint16(e[12:]) }

// Payload is what follows the untagged header.
func (e Ethernet) Payload() []byte { return e[EthernetLen:] }

// SetDst writes the destination address.
func (e Ethernet) SetDst(m MAC) { copy(e[0:6], m[:]) }

// SetSrc writes the source address.
func (e Ethernet) SetSrc(m MAC) { copy(e[6:12], m[:]) }

// SetType writes the EtherType.
func (e Ethernet) SetType(t uint16) { binary.BigEndian.PutUint16(e[12:], t) }

// IsPriorityTagged reports whether the first tag carries a priority only: VLAN
// identifier 0, which is no VLAN (IEEE 802.1Q-2018 §6.8).
func (e Ethernet) IsPriorityTagged() bool {
	return e.Type() == TypeVLAN && len(e) >= EthernetLen+VLANLen && binary.BigEndian.Uint16(e[EthernetLen:])&0xfff == 0
}

// L3 finds the network-layer protocol of a frame, looking through up to two
// VLAN tags: the EtherType and the offset of its header. ok is false for a
// frame that ends inside a tag.
func (e Ethernet) L3() (typ uint16, off int, ok bool) {
	typ, off = e.Type(), EthernetLen
	for tags := 0; tags < 2 && (typ == TypeVLAN || typ == TypeQinQ); tags++ {
		if len(e) < off+VLANLen {
			return 0, 0, false
		}
		typ = binary.BigEndian.Uint16(e[off+2:])
		off += VLANLen
	}
	return typ, off, true
}
