package libvirtfiles

import (
	"bytes"
	"encoding/json"
	"net/netip"
)

// Lease is a lease that has not expired. The order of the keys is libvirt's.
type Lease struct {
	IP       netip.Addr `json:"ip-address"`
	MAC      string     `json:"mac-address"`
	Hostname string     `json:"hostname,omitempty"`
	ClientID string     `json:"client-id,omitempty"` // octets in hexadecimal, with colons
	Expires  int64      `json:"expiry-time"`         // unix seconds, 0 = never
}

// Guest is a running guest.
type Guest struct {
	Domain string   `json:"domain"`
	MACs   []string `json:"macs"`
}

// layout writes a list as libvirt does: two blanks for each level, nothing
// escaped that JSON does not want escaped.
func layout[T any](list []T) ([]byte, error) {
	if len(list) == 0 {
		return []byte("[]\n"), nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(list)
	return b.Bytes(), err
}
