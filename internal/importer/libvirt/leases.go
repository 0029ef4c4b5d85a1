package libvirt

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ubridge/internal/importer"
)

// maxExpiry is the end of the year 9999 in Unix seconds.
const maxExpiry = 253402300799

// statusLine is one lease of BRIDGE.status (leaseshelper.c).
type statusLine struct {
	IP       string `json:"ip-address"`
	MAC      string `json:"mac-address"`
	Hostname string `json:"hostname"`
	ClientID string `json:"client-id"`
	Expires  int64  `json:"expiry-time"`
}

// leases reads a status file; one that is not there, or empty, has none.
func (r *reader) leases(file string, subnet netip.Prefix) (list []importer.Lease) {
	at := importer.At{Network: r.at.Network, File: file}
	text, err := r.files.Read(file)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	var lines []statusLine
	if err := json.Unmarshal(text, &lines); err != nil {
		r.plan.Note(at, "", "guests ask for their addresses again", "the leases are not readable: %v", err)
		return nil
	}
	taken := map[netip.Addr]bool{}
	for _, line := range lines {
		l, err := line.lease()
		if err == nil && (!within(subnet, l.IP) || taken[l.IP]) {
			err = fmt.Errorf("%s is not one guest's in %v", line.IP, subnet.Masked())
		}
		if err != nil {
			r.plan.Note(at, line.IP, "", "this lease is not carried over: %v", err)
			continue
		}
		taken[l.IP] = true
		list = append(list, l)
	}
	return list
}

func (s statusLine) lease() (l importer.Lease, err error) {
	if l.IP, err = netip.ParseAddr(s.IP); err != nil || !l.IP.Is4() {
		return l, fmt.Errorf("%q is no IPv4 address", s.IP)
	}
	mac, ok := importer.MAC(s.MAC)
	if !ok {
		return l, fmt.Errorf("%q is no Ethernet address", s.MAC)
	}
	if s.Expires < 0 || s.Expires > maxExpiry {
		return l, fmt.Errorf("%d is no time in unix seconds", s.Expires)
	}
	if s.ClientID != "" && s.ClientID != "*" {
		if l.ClientID, err = hex.DecodeString(strings.ReplaceAll(s.ClientID, ":", "")); err != nil || len(l.ClientID) > 255 {
			return l, fmt.Errorf("%q is no client identifier", s.ClientID)
		}
	}
	l.MAC, l.Hostname = mac, s.Hostname
	if s.Expires > 0 {
		l.Expires = time.Unix(s.Expires, 0).UTC()
	}
	return l, nil
}
