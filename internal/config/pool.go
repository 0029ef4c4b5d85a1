package config

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// MaxPool is the largest number of addresses that one network leases.
const MaxPool = 1 << 16

// Range is a range of IPv4 addresses, both ends included.
type Range struct{ First, Last netip.Addr }

// String is the form of the configuration, FIRST-LAST.
func (r Range) String() string { return r.First.String() + "-" + r.Last.String() }

// Contains reports whether a lies in the range.
func (r Range) Contains(a netip.Addr) bool { return r.First.Compare(a) <= 0 && a.Compare(r.Last) <= 0 }

// Size is the number of addresses in the range.
func (r Range) Size() int { return int(number(r.Last)-number(r.First)) + 1 }

// Pool gives the ranges that DHCP leases from when address is the gateway's:
// the configured ones, or else all of the subnet but the gateway, the network
// and the broadcast address, at most MaxPool addresses. It is empty where only
// reservations are leased.
func (n Network) Pool(address netip.Prefix) []Range {
	if n.DHCP.ReservedOnly {
		return nil
	}
	if len(n.DHCP.Ranges) > 0 {
		return n.DHCP.Ranges
	}
	first, last := hosts(address)
	gateway := number(address.Addr())
	var pool []Range
	if gateway > first {
		pool = append(pool, cut(first, gateway-1, MaxPool))
	}
	if room := MaxPool - int(gateway-first); gateway < last && room > 0 {
		pool = append(pool, cut(gateway+1, last, room))
	}
	return pool
}

// cut is the range of the numbers from first to last, shortened to size.
func cut(first, last uint32, size int) Range {
	return Range{addr(first), addr(min(last, first+uint32(size)-1))}
}

// hosts are the first and the last host address of a subnet of at most 30 bits.
func hosts(p netip.Prefix) (first, last uint32) {
	network := number(p.Masked().Addr())
	return network + 1, network | (1<<(32-p.Bits()) - 1) - 1
}

// ParseSubnet reads "192.168.50.0/24", whose gateway is then the first host
// address, or "192.168.50.254/24", which names the gateway. The result is the
// gateway's address with the prefix length, as Network.Address.
func ParseSubnet(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("%q is no IPv4 subnet; write it as 192.168.50.0/24", s)
	}
	if p == p.Masked() && p.Bits() <= maxBits {
		p = netip.PrefixFrom(p.Addr().Next(), p.Bits())
	}
	if reason, fix := badAddress(p); reason != "" {
		return netip.Prefix{}, fmt.Errorf("%s; %s", reason, fix)
	}
	return p, nil
}

// minBits and maxBits bound the prefix length: 30 bits leave the gateway and
// one guest.
const minBits, maxBits = 8, 30

// badAddress says what is wrong with a gateway address, and the fix.
func badAddress(p netip.Prefix) (reason, fix string) {
	a := p.Addr()
	switch {
	case !a.Is4():
		return "not an IPv4 address", `write it as "192.168.50.1/24"`
	case p.Bits() < minBits || p.Bits() > maxBits:
		return fmt.Sprintf("a prefix of %d bits", p.Bits()), fmt.Sprintf("use /%d to /%d", minBits, maxBits)
	case !a.IsGlobalUnicast() || a.As4()[0] == 0 || a.As4()[0] >= 240:
		return fmt.Sprintf("%v is no address for a network", a), "use one of 192.168.0.0/16, 172.16.0.0/12 or 10.0.0.0/8"
	}
	first, last := hosts(p)
	if n := number(a); n < first || n > last {
		return fmt.Sprintf("%v is the network or the broadcast address of %v", a, p.Masked()),
			fmt.Sprintf("give the gateway's, such as %v/%d", addr(first), p.Bits())
	}
	return "", ""
}

// parseRange reads FIRST-LAST.
func parseRange(s string) (Range, error) {
	first, last, found := strings.Cut(s, "-")
	a, errA := netip.ParseAddr(strings.TrimSpace(first))
	b, errB := netip.ParseAddr(strings.TrimSpace(last))
	if !found || errA != nil || errB != nil || !a.Is4() || !b.Is4() {
		return Range{}, fmt.Errorf("%q is no range of IPv4 addresses", s)
	}
	if b.Less(a) {
		return Range{}, fmt.Errorf("the range %q ends before it begins", s)
	}
	return Range{a, b}, nil
}

func number(a netip.Addr) uint32 { b := a.As4(); return binary.BigEndian.Uint32(b[:]) }

func addr(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}
