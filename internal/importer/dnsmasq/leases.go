package dnsmasq

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ubridge/internal/importer"
)

// maxExpiry is the end of the year 9999 in Unix seconds.
const maxExpiry = 253402300799

// leases reads the lease file; without one there are none.
func (r *reader) leases() {
	list := leaseFiles
	if named := r.last("dhcp-leasefile"); named != "" {
		list = []string{named}
	}
	for _, file := range list {
		text, err := r.files.Read(file)
		if err != nil {
			continue // guests ask again
		}
		for i, line := range strings.Split(strings.ToValidUTF8(string(text), "?"), "\n") {
			r.lease(importer.At{Network: r.only(), File: file, Line: i + 1}, line)
		}
		return
	}
}

// lease reads EXPIRY MAC ADDRESS NAME CLIENT-ID. The lines of IPv6 begin with
// that of the DUID, and the others have an IAID in place of the MAC.
func (r *reader) lease(at importer.At, line string) {
	f := strings.Fields(line)
	if len(f) == 0 || f[0] == "duid" {
		return
	}
	l, err := parseLease(f)
	if err != nil {
		r.plan.Note(at, "", "", "this lease is not carried over: %v", err)
		return
	}
	n := r.of(l.IP)
	if n == nil {
		r.plan.Note(at, "", "", "this lease is not carried over: %v is in no network of these", l.IP)
		return
	}
	n.Leases = append(n.Leases, l)
}

func parseLease(f []string) (l importer.Lease, err error) {
	if len(f) != 5 {
		return l, fmt.Errorf("%d fields, not 5", len(f))
	}
	expires, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || expires < 0 || expires > maxExpiry {
		return l, fmt.Errorf("%q is no time in unix seconds", f[0])
	}
	if l.IP, err = netip.ParseAddr(f[2]); err != nil || !l.IP.Is4() {
		return l, fmt.Errorf("%q is no IPv4 address", f[2])
	}
	if l.MAC, err = net.ParseMAC(f[1]); err != nil || len(l.MAC) != 6 {
		return l, fmt.Errorf("%q is no Ethernet address", f[1])
	}
	if expires > 0 {
		l.Expires = time.Unix(expires, 0).UTC()
	}
	if f[3] != "*" {
		l.Hostname = f[3]
	}
	if f[4] != "*" {
		l.ClientID, err = hex.DecodeString(strings.ReplaceAll(f[4], ":", ""))
	}
	return l, err
}
