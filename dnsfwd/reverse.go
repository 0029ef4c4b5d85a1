package dnsfwd

import (
	"net/netip"
	"slices"
	"strings"
)

const (
	zoneV4 = "\x07in-addr\x04arpa\x00"
	zoneV6 = "\x03ip6\x04arpa\x00"
)

// A reverseName is what a name under in-addr.arpa or ip6.arpa stands for: the
// leading bits of an address, all of them for a host, and how many labels
// stand before those that could be read.
type reverseName struct {
	addr  netip.Addr
	bits  int
	extra int
}

func (r *reverseName) host() bool { return r.extra == 0 && r.bits == r.addr.BitLen() }

// in tells whether the name lies in the reverse zone of the subnet.
func (r *reverseName) in(subnet netip.Prefix) bool {
	return r.bits >= subnet.Bits() && subnet.Contains(r.addr)
}

// parseReverse reads a folded wire name (RFC 1035 §3.5, RFC 3596 §2.5).
func parseReverse(name []byte) (reverseName, bool) {
	switch {
	case hasZone(name, zoneV4):
		return reverseV4(labels(name, len(zoneV4))), true
	case hasZone(name, zoneV6):
		return reverseV6(labels(name, len(zoneV6))), true
	}
	return reverseName{}, false
}

// hasZone tells whether a wire name is the zone or lies below it. A suffix
// alone would not do: a label may contain any byte.
func hasZone(name []byte, zone string) bool {
	if !strings.HasSuffix(string(name), zone) {
		return false
	}
	at := 0
	for at < len(name)-len(zone) {
		at += 1 + int(name[at])
	}
	return at == len(name)-len(zone)
}

// labels returns the labels before the zone, the last one first.
func labels(name []byte, zone int) []string {
	var all []string
	for at := 0; at < len(name)-zone; at += 1 + int(name[at]) {
		all = append(all, string(name[at+1:at+1+int(name[at])]))
	}
	slices.Reverse(all)
	return all
}

func reverseV4(labels []string) reverseName {
	var a [4]byte
	n := 0
	for n < min(len(a), len(labels)) {
		octet, ok := decimalOctet(labels[n])
		if !ok {
			break
		}
		a[n] = octet
		n++
	}
	return reverseName{netip.AddrFrom4(a), 8 * n, len(labels) - n}
}

func reverseV6(labels []string) reverseName {
	var a [16]byte
	n := 0
	for n < min(2*len(a), len(labels)) {
		nibble := strings.Index("0123456789abcdef", labels[n])
		if len(labels[n]) != 1 || nibble < 0 {
			break
		}
		a[n/2] |= byte(nibble) << (4 - 4*(n%2))
		n++
	}
	return reverseName{netip.AddrFrom16(a), 4 * n, len(labels) - n}
}

// decimalOctet reads 0 to 255 in its only spelling, without leading zeros.
func decimalOctet(s string) (byte, bool) {
	if len(s) == 0 || len(s) > 3 || (len(s) > 1 && s[0] == '0') {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return byte(n), n <= 255
}
