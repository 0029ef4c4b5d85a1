package traffic

import (
	"encoding/binary"
	"net/netip"
)

// Where the fields of an untagged UDP datagram over IPv4 without options are.
const (
	udpAt         = headerLen + 20
	udpSource     = udpAt
	udpTarget     = udpAt + 2
	udpChecksumAt = udpAt + 6
	udpMin        = udpAt + 8
)

// Datagram is an Ethernet frame of size bytes (without FCS) with a UDP datagram
// over IPv4. Its ports and the checksum over them are Flows' to fill in. It
// panics where size has no room for the headers.
func Datagram(src, dst []byte, from, to netip.Addr, size int) []byte {
	f := make([]byte, size)
	copy(f, dst)
	copy(f[6:], src)
	f[12] = 0x08 // IPv4
	ip := f[headerLen:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	a, b := from.As4(), to.As4()
	copy(ip[12:], a[:])
	copy(ip[16:], b[:])
	binary.BigEndian.PutUint16(ip[10:], ^fold(words(ip[:20], 0)))
	binary.BigEndian.PutUint16(f[udpAt+4:], uint16(size-udpAt))
	_ = f[udpMin-1]
	return f
}

// Flows gives each number a flow of its own: the next of so many source ports,
// then the same ones towards the next remote port. first is the first source
// port, and remote the first remote one.
func Flows(first, remote uint16, sources uint64) Vary {
	return func(f []byte, number uint64) {
		binary.BigEndian.PutUint16(f[udpSource:], first+uint16(number%sources))
		binary.BigEndian.PutUint16(f[udpTarget:], remote+uint16(number/sources))
		f[udpChecksumAt], f[udpChecksumAt+1] = 0, 0
		udp := f[udpAt:]
		sum := words(f[headerLen+12:headerLen+20], 17+uint64(len(udp)))
		check := ^fold(words(udp, sum))
		if check == 0 { // which would say that there is none (RFC 768)
			check = 0xffff
		}
		binary.BigEndian.PutUint16(f[udpChecksumAt:], check)
	}
}

// Flow makes all frames one flow's.
func Flow(source, remote uint16) Vary {
	vary := Flows(source, remote, 1)
	return func(f []byte, _ uint64) { vary(f, 0) }
}

// FromTwo lets every other frame come from a second guest, whose address differs
// in the last bit: what one may have of a table is often bounded.
func FromTwo(v Vary) Vary {
	return func(f []byte, number uint64) {
		ip := f[headerLen : headerLen+20]
		ip[15] = ip[15]&^1 | byte(number&1)
		ip[10], ip[11] = 0, 0
		binary.BigEndian.PutUint16(ip[10:], ^fold(words(ip, 0)))
		v(f, number/2)
	}
}

// words adds up 16-bit words (RFC 1071).
func words(p []byte, sum uint64) uint64 {
	for ; len(p) >= 2; p = p[2:] {
		sum += uint64(binary.BigEndian.Uint16(p))
	}
	if len(p) == 1 {
		sum += uint64(p[0]) << 8
	}
	return sum
}

func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// Destinations lets frames go to so many stations in turn, the first of which
// is base; Sources lets them come from there.
func Destinations(base [6]byte, n uint64) Vary {
	return func(f []byte, number uint64) { putStation(f, base, number%n) }
}

// Sources is described at Destinations.
func Sources(base [6]byte, n uint64) Vary {
	return func(f []byte, number uint64) { putStation(f[6:], base, number%n) }
}

// putStation writes the i-th address behind base, which ends in four zero bytes.
func putStation(at []byte, base [6]byte, i uint64) {
	copy(at, base[:2])
	binary.BigEndian.PutUint32(at[2:], uint32(i))
}
