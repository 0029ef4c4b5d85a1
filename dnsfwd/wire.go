package dnsfwd

import (
	"encoding/binary"
	"errors"
)

var be = binary.BigEndian

const headerLen = 12

// Header flags (RFC 1035 §4.1.1, RFC 4035 §3 for AD and CD).
const (
	flagQR     = 1 << 15
	maskOpcode = 0xf << 11
	flagAA     = 1 << 10
	flagTC     = 1 << 9
	flagRD     = 1 << 8
	flagRA     = 1 << 7
	flagAD     = 1 << 5
	flagCD     = 1 << 4
	maskRcode  = 0xf
)

// Offsets of the header's fields.
const (
	offID    = 0
	offFlags = 2
	offQD    = 4
	offAN    = 6
	offNS    = 8
	offAR    = 10
)

const (
	maxLabel = 63
	maxName  = 255
)

var errWire = errors.New("malformed message")

// nameEnd returns the offset behind the uncompressed name at off.
func nameEnd(msg []byte, off int) (int, error) {
	for i := off; i < len(msg) && i-off < maxName; {
		n := int(msg[i])
		i += 1 + n
		switch {
		case n == 0:
			return i, nil
		case n > maxLabel:
			return 0, errWire
		}
	}
	return 0, errWire
}

// skipName returns the offset behind the name at off, which may be compressed.
// It does not follow the pointer.
func skipName(msg []byte, off int) (int, error) {
	for i := off; i < len(msg) && i-off < maxName; {
		n := int(msg[i])
		switch {
		case n == 0:
			return i + 1, nil
		case n >= 0xc0 && i+2 <= len(msg):
			return i + 2, nil
		case n > maxLabel:
			return 0, errWire
		}
		i += 1 + n
	}
	return 0, errWire
}

// A record is where the parts of a resource record lie in its message.
type record struct {
	root  bool // the owner is the root
	rtype uint16
	class uint16
	ttl   uint32
	ttlAt int // offset of the TTL
	data  []byte
}

// nextRecord reads the record at off and returns the offset behind it.
func nextRecord(msg []byte, off int) (record, int, error) {
	end, err := skipName(msg, off)
	if err != nil || end+10 > len(msg) {
		return record{}, 0, errWire
	}
	data := end + 10
	next := data + int(be.Uint16(msg[end+8:]))
	if next > len(msg) {
		return record{}, 0, errWire
	}
	r := record{
		root:  msg[off] == 0,
		rtype: be.Uint16(msg[end:]),
		class: be.Uint16(msg[end+2:]),
		ttl:   be.Uint32(msg[end+4:]),
		ttlAt: end + 4,
		data:  msg[data:next],
	}
	return r, next, nil
}

// records calls visit for each record behind the question and returns the
// offset behind the last.
func records(msg []byte, off int, visit func(record) error) (int, error) {
	count := int(be.Uint16(msg[offAN:])) + int(be.Uint16(msg[offNS:])) + int(be.Uint16(msg[offAR:]))
	for range count {
		r, next, err := nextRecord(msg, off)
		if err != nil {
			return 0, err
		}
		if err := visit(r); err != nil {
			return 0, err
		}
		off = next
	}
	return off, nil
}

// appendFolded appends a wire name with its ASCII letters in lower case. A
// label's length is below 'A', so every byte can be treated alike.
func appendFolded(dst, name []byte) []byte {
	for _, b := range name {
		dst = append(dst, lower(b))
	}
	return dst
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// equalFolded compares wire names without regard to ASCII case.
func equalFolded(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}
