package importer

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// True reads the spellings of a switch that is on.
func True(s string) bool {
	switch strings.ToLower(s) {
	case "on", "yes", "y", "true", "1":
		return true
	}
	return false
}

// Prefix reads an IPv4 address with its netmask: "192.0.2.1/24", or the mask
// beside it as "255.255.255.0" or "24". Without any it has 24 bits, and guessed
// says so.
func Prefix(address, mask string) (p netip.Prefix, guessed bool, err error) {
	if p, err := netip.ParsePrefix(address); err == nil {
		return p, false, nil
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, false, fmt.Errorf("%q is no IP address", address)
	}
	if mask == "" {
		return netip.PrefixFrom(a, 24), true, nil
	}
	bits, err := maskBits(mask)
	if err != nil {
		return netip.Prefix{}, false, err
	}
	return netip.PrefixFrom(a, bits), false, nil
}

func maskBits(mask string) (int, error) {
	if bits, err := strconv.Atoi(mask); err == nil && bits >= 0 && bits <= 32 {
		return bits, nil
	}
	if a, err := netip.ParseAddr(mask); err == nil && a.Is4() {
		ones, size := net.IPMask(a.AsSlice()).Size()
		if size == 32 {
			return ones, nil
		}
	}
	return 0, fmt.Errorf("%q is no netmask", mask)
}

// MAC reads the address of one station in its usual form.
func MAC(s string) (net.HardwareAddr, bool) {
	m, err := net.ParseMAC(s)
	return m, err == nil && len(m) == 6
}

// Seconds reads a number of seconds, with a fraction perhaps, as bridges have
// their timers.
func Seconds(s string) (time.Duration, bool) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 || v > 1e9 {
		return 0, false
	}
	return time.Duration(v * float64(time.Second)).Round(time.Millisecond), true
}

// Zero reports whether s is a number and nothing, as "0" and "0.0" are.
func Zero(s string) bool {
	v, err := strconv.ParseFloat(s, 64)
	return err == nil && v == 0
}
