package wire

import (
	"encoding/binary"
	"math/bits"
)

// Sum adds b to the ones'-complement sum start, as big-endian 16-bit words; an
// odd last byte counts as a word's high half (RFC 1071). The result is not
// folded: chain calls over consecutive parts of even length, then Fold.
func Sum(b []byte, start uint64) uint64 {
	// Eight bytes an addition with the carry brought round: a word's place
	// inside the eight bytes does not matter modulo 2^16-1.
	sum, carry := start, uint64(0)
	for len(b) >= 32 {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[8:]), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[16:]), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[24:]), carry)
		b = b[32:]
	}
	for len(b) >= 8 {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), carry)
		b = b[8:]
	}
	sum, carry = bits.Add64(sum, tail(b), carry)
	sum, carry = bits.Add64(sum, 0, carry)
	return sum + carry
}

// tail is the last zero to seven bytes as one big-endian number, padded with
// zero bytes behind.
func tail(b []byte) uint64 {
	var v uint64
	for i, c := range b {
		v |= uint64(c) << (56 - 8*i)
	}
	return v
}

// Fold reduces a sum to 16 bits. The checksum field is its complement.
func Fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum)
}

// Update16 is checksum c after a 16-bit field changed from was to is (RFC 1624
// equation 3).
func Update16(c, was, is uint16) uint16 {
	return ^Fold(uint64(^c) + uint64(^was) + uint64(is))
}

// Update32 is checksum c after a 32-bit field at an even offset changed from
// was to is.
func Update32(c uint16, was, is uint32) uint16 {
	return ^Fold(uint64(^c) + uint64(^was) + uint64(is))
}

// UpdatePartial32 is the value of a checksum field that holds only the
// not-complemented pseudo-header sum (virtio NEEDS_CSUM), after an address in
// that pseudo-header changed.
func UpdatePartial32(sum uint16, was, is uint32) uint16 {
	return Fold(uint64(sum) + uint64(^was) + uint64(is))
}

// PseudoIPv4 is the unfolded sum of the IPv4 pseudo-header (RFC 9293 §3.1) for
// a transport segment of length bytes.
func PseudoIPv4(src, dst IP4, proto byte, length int) uint64 {
	return uint64(src.Uint32()) + uint64(dst.Uint32()) + uint64(proto) + uint64(length)
}

// PseudoIPv6 is the unfolded sum of the IPv6 pseudo-header (RFC 8200 §8.1);
// src and dst are 16 bytes each.
func PseudoIPv6(src, dst []byte, proto byte, length int) uint64 {
	return Sum(dst, Sum(src, uint64(proto)+uint64(length)))
}
