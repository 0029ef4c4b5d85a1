package traffic

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// Trafgen's frames are, behind the EtherType, an IPv4 and a TCP header (so that
// its own code counts the sequence number up and keeps the checksum right), then
// filler. No stack takes them for IP, for the EtherType says otherwise.
const (
	ipAt       = headerLen
	tcpAt      = ipAt + 20
	sequenceAt = tcpAt + 4
	fillerAt   = tcpAt + 20
	filler     = 0xaa
	MinTrafgen = fillerAt // the shortest such frame
)

// lastNumber is where counters begin anew, hours after a flood has begun. A
// counter of all 2³² numbers makes trafgen divide by zero, and its parent then
// waits for its dead child for ever.
const lastNumber = math.MaxUint32 - 1

// TrafgenConfig is the configuration file, for trafgen, of frames of these sizes
// (without FCS) in turn. Each of them counts for itself, in steps as wide as
// there are sizes, so that all numbers come once and in order.
func TrafgenConfig(src, dst string, sizes ...int) string {
	var b strings.Builder
	for i, size := range sizes {
		counter := fmt.Sprintf("dinc(%d, %d, %d)", i, lastNumber, len(sizes))
		fmt.Fprintf(&b, "{ eth(da=%s, sa=%s, type=0x%x), ipv4(saddr=192.0.2.1, daddr=192.0.2.2), tcp(seq=%s), fill(0x%x, %d) }\n",
			dst, src, EtherType, counter, filler, size-fillerAt)
	}
	return b.String()
}

// FromTrafgen makes a Checker of trafgen's frames of which every n-th comes.
func FromTrafgen(every uint64) *Checker {
	return &Checker{Every: every, number: trafgenNumber}
}

func trafgenNumber(f []byte) (uint64, error) {
	if len(f) < MinTrafgen {
		return 0, errShort
	}
	for _, b := range f[fillerAt:] {
		if b != filler {
			return 0, errCorrupt
		}
	}
	if !tcpChecksumRight(f[ipAt:]) {
		return 0, errCorrupt
	}
	return uint64(binary.BigEndian.Uint32(f[sequenceAt:])), nil
}

// tcpChecksumRight sums the pseudo header and the segment of an IPv4 packet.
func tcpChecksumRight(packet []byte) bool {
	segment := packet[20:]
	total := words(packet[12:20], uint64(6)+uint64(len(segment))) // protocol and length
	return fold(words(segment, total)) == 0xffff
}
