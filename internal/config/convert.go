package config

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ubridge/internal/config/libvirtxml"
)

// Conversion of one raw value to its type. Each helper leaves the default alone
// when the key was left out, and records a fault when it cannot read the value.

const exampleMAC = `write it as "52:54:00:12:34:56"`

// text reads a string that is left out rather than empty.
func (f *faults) text(key string, raw *string, to *string) {
	if raw == nil {
		return
	}
	if *raw == "" {
		f.add(key, "leave the key out", "empty")
	}
	*to = *raw
}

// name reads a host or domain name into its canonical form.
func (f *faults) name(key string, raw *string, to *string) {
	f.text(key, raw, to)
	*to = strings.ToLower(strings.TrimSuffix(*to, "."))
}

func set[T any](raw *T, to *T) {
	if raw != nil {
		*to = *raw
	}
}

// integer reads a whole number; its bounds are checked with the model.
func (f *faults) integer(key string, raw *int64, to *int, low, high int64) {
	if raw == nil {
		return
	}
	if *raw < low || *raw > high {
		f.add(key, "use "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10), "%d is out of range", *raw)
		return
	}
	*to = int(*raw)
}

func (f *faults) duration(key string, raw *string, to *time.Duration) {
	if raw == nil {
		return
	}
	d, err := time.ParseDuration(*raw)
	if err != nil {
		f.add(key, `write it as "90s", "5m" or "1h30m"`, "%q is no duration", *raw)
		return
	}
	*to = d
}

// leaseTime reads a duration or "infinite", as dnsmasq writes it.
func (f *faults) leaseTime(key string, raw *string, to *time.Duration) {
	if raw != nil && *raw == "infinite" {
		*to = InfiniteLease
		return
	}
	f.duration(key, raw, to)
}

func (f *faults) uuid(key string, raw *string, to *string) {
	if raw == nil {
		return
	}
	id, err := libvirtxml.CanonicalUUID(*raw)
	if err != nil {
		f.add(key, "write it as `uuidgen` does, or leave it out", "%v", err)
	}
	*to = id
}

func (f *faults) mac(key string, raw *string, to *net.HardwareAddr) {
	if raw == nil {
		return
	}
	m, err := net.ParseMAC(*raw)
	if err != nil || len(m) != 6 {
		f.add(key, exampleMAC, "%q is no MAC address", *raw)
		return
	}
	*to = m
}

func (f *faults) addr(key string, raw *string, to *netip.Addr) {
	if raw == nil {
		return
	}
	a, err := netip.ParseAddr(*raw)
	if err != nil || a.Zone() != "" {
		f.add(key, `write it as "192.168.50.10"`, "%q is no IP address", *raw)
		return
	}
	*to = a.Unmap()
}

func (f *faults) gateway(key string, raw *string, to *netip.Prefix) {
	if raw == nil {
		return
	}
	p, err := netip.ParsePrefix(*raw)
	if err != nil {
		f.add(key, `write it as "192.168.50.1/24"`, "%q is no address with a prefix length", *raw)
		return
	}
	*to = p
}

// clientID reads octets in hexadecimal, with or without colons.
func (f *faults) clientID(key string, raw *string, to *[]byte) {
	if raw == nil {
		return
	}
	id, err := hex.DecodeString(strings.ReplaceAll(*raw, ":", ""))
	if err != nil || len(id) < 2 || len(id) > 255 {
		f.add(key, `write its 2 to 255 octets as "01:52:54:00:12:34:56"`, "%q is no client identifier", *raw)
		return
	}
	*to = id
}

func (f *faults) ranges(key string, raw []string) (list []Range) {
	if f.tooLong(key, len(raw)) {
		return nil
	}
	for i, s := range raw {
		r, err := parseRange(s)
		if err != nil {
			f.add(element(key, i), `write it as "192.168.50.10-192.168.50.99"`, "%v", err)
			continue
		}
		list = append(list, r)
	}
	return list
}

// upstreams reads resolvers; the port is 53 unless one is given.
func (f *faults) upstreams(key string, raw []string) (list []netip.AddrPort) {
	if f.tooLong(key, len(raw)) {
		return nil
	}
	for i, s := range raw {
		ap, err := netip.ParseAddrPort(s)
		if a, errAddr := netip.ParseAddr(s); errAddr == nil {
			ap, err = netip.AddrPortFrom(a, 53), nil
		}
		if err != nil {
			f.add(element(key, i), `write it as "192.0.2.53", "192.0.2.53:5353" or "[2001:db8::53]:5353"`, "%q is no resolver", s)
			continue
		}
		list = append(list, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
	}
	return list
}

// portRange reads FIRST-LAST.
func (f *faults) portRange(key string, raw *string, to *PortRange) {
	if raw == nil {
		return
	}
	first, last, _ := strings.Cut(*raw, "-")
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	if errA != nil || errB != nil {
		f.add(key, `write it as "61000-65535"`, "%q is no range of ports", *raw)
		return
	}
	*to = PortRange{uint16(a), uint16(b)}
}

// names reads a list of names; an empty list is none.
func (f *faults) names(key string, raw []string) []string {
	if len(raw) == 0 || f.tooLong(key, len(raw)) {
		return nil
	}
	return raw
}

// maxList bounds the lists whose elements are compared with one another.
const maxList = 1024

func (f *faults) tooLong(key string, size int) bool {
	if size > maxList {
		f.add(key, fmt.Sprintf("use at most %d", maxList), "%d elements", size)
	}
	return size > maxList
}
