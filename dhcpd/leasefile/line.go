package leasefile

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ubridge/dhcpd"
)

// none stands for an absent name or client identifier.
const none = "*"

// maxExpiry is the last second a lease may end, the end of the year 9999:
// further out is damage, and time.Time can print all before it.
const maxExpiry = 253402300799

// appendLine appends the lease's line to b.
func appendLine(b []byte, l dhcpd.Lease) []byte {
	b = strconv.AppendInt(b, expirySeconds(l.Expires), 10)
	b = appendColonHex(append(b, ' '), l.MAC[:])
	b = l.IP.AppendTo(append(b, ' '))
	b = append(b, ' ')
	if l.Hostname == "" {
		b = append(b, none...)
	}
	b = append(b, l.Hostname...)
	b = append(b, ' ')
	if len(l.ClientID) == 0 {
		b = append(b, none...)
	}
	return append(appendColonHex(b, l.ClientID), '\n')
}

// expirySeconds keeps a lease of the distant past from reading as one without
// end.
func expirySeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(t.Unix(), 1)
}

func appendColonHex(b, value []byte) []byte {
	for i, c := range value {
		if i > 0 {
			b = append(b, ':')
		}
		b = hex.AppendEncode(b, []byte{c})
	}
	return b
}

// parseLine reads one line without its newline.
func parseLine(line string) (dhcpd.Lease, error) {
	f := strings.Fields(line)
	if len(f) != 5 {
		return dhcpd.Lease{}, fmt.Errorf("%d fields, not 5", len(f))
	}
	var l dhcpd.Lease
	var errs [4]error
	l.Expires, errs[0] = parseExpiry(f[0])
	l.MAC, errs[1] = parseMAC(f[1])
	l.IP, errs[2] = parseIP(f[2])
	l.ClientID, errs[3] = parseClientID(f[4])
	// A name that no client may have is not worth losing the lease for.
	l.Hostname, _ = dhcpd.Hostname(f[3])
	return l, cmp.Or(errs[:]...)
}

func parseExpiry(s string) (time.Time, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil || n < 0 || n > maxExpiry:
		return time.Time{}, fmt.Errorf("expiry %q is not a time in unix seconds", s)
	case n == 0:
		return time.Time{}, nil
	}
	return time.Unix(n, 0).UTC(), nil
}

func parseMAC(s string) (mac [6]byte, err error) {
	b, err := parseColonHex(s)
	if err != nil || len(b) != len(mac) {
		return mac, fmt.Errorf("%q is not an Ethernet address", s)
	}
	return [6]byte(b), nil
}

func parseIP(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Addr{}, fmt.Errorf("%q is not an IPv4 address", s)
	}
	return a, nil
}

func parseClientID(s string) ([]byte, error) {
	if s == none {
		return nil, nil
	}
	b, err := parseColonHex(s)
	if err != nil || len(b) > 255 {
		return nil, fmt.Errorf("%q is not a client identifier", s)
	}
	return b, nil
}

// parseColonHex takes two digits a byte and a colon between bytes.
func parseColonHex(s string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err == nil && !strings.EqualFold(string(appendColonHex(nil, b)), s) {
		err = errors.New("colons misplaced")
	}
	return b, err
}
