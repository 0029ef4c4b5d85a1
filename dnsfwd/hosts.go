package dnsfwd

import (
	"net/netip"
	"slices"
	"strings"
)

// maxAddrs bounds the addresses of one name.
const maxAddrs = 16

// withheld are labels that a guest must not be able to claim: browsers take
// their proxy from wpad, Windows its tunnel from isatap, and localhost is
// everyone's own (RFC 6761 §6.3).
var withheld = []string{"wpad", "isatap", "localhost"}

// A hostTable finds addresses by folded wire name and wire names by address.
// It is built whole and not changed afterwards.
type hostTable struct {
	addrs map[string][]netip.Addr
	names map[netip.Addr][]byte
}

// newHostTable builds the table; the gateway's own names come first and hosts
// cannot add to them.
func newHostTable(c *Config, hosts []Host) *hostTable {
	t := &hostTable{
		addrs: make(map[string][]netip.Addr, 2*len(hosts)),
		names: make(map[netip.Addr][]byte, len(hosts)),
	}
	for _, h := range c.Self {
		t.add(spellings(h.Name, c.Domain), h.Addr)
	}
	own := make(map[string]bool, len(t.addrs))
	for name := range t.addrs {
		own[name] = true
	}
	for _, h := range hosts {
		names := spellings(h.Name, c.Domain)
		if !claimable(names, h.Name, c.Domain) || slices.ContainsFunc(names, func(n string) bool { return own[n] }) {
			continue
		}
		t.add(names, h.Addr)
	}
	return t
}

// add enters an address under each name, the first being its reverse name.
func (t *hostTable) add(names []string, addr netip.Addr) {
	addr = addr.Unmap().WithZone("")
	if len(names) == 0 || !addr.IsValid() {
		return
	}
	for _, name := range names {
		if have := t.addrs[name]; len(have) < maxAddrs && !slices.Contains(have, addr) {
			t.addrs[name] = append(have, addr)
		}
	}
	if t.names[addr] == nil {
		t.names[addr] = []byte(names[0])
	}
}

// spellings returns the wire names of a host, the most qualified first.
func spellings(name, domain string) []string {
	name = strings.TrimSuffix(name, ".")
	all := []string{name}
	if domain != "" {
		label, under := cutDomain(name, domain)
		switch {
		case under && !strings.Contains(label, "."):
			all = []string{name, label}
		case !strings.Contains(name, "."):
			all = []string{name + "." + domain, name}
		}
	}
	var wire []string
	for _, s := range all {
		if w, ok := packName(s); ok {
			wire = append(wire, w)
		}
	}
	return wire
}

// claimable tells whether a host, whose name a guest may have chosen, can have
// it: one label, bare or directly under the domain, and none of the withheld.
func claimable(names []string, name, domain string) bool {
	name = strings.TrimSuffix(name, ".")
	label, under := cutDomain(name, domain)
	if !under {
		label = name
	}
	return len(names) > 0 && !strings.Contains(label, ".") &&
		!slices.Contains(withheld, strings.ToLower(label))
}

// cutDomain returns what stands before the domain, which may be "".
func cutDomain(name, domain string) (string, bool) {
	n := len(name) - len(domain) - 1
	if domain == "" || n < 1 || name[n] != '.' || !strings.EqualFold(name[n+1:], domain) {
		return "", false
	}
	return name[:n], true
}

// packName returns a dotted name in folded wire form; ok is false where a
// label is empty or too long, or has bytes that host names do not have.
func packName(s string) (wire string, ok bool) { return packLabels(s, isHostLabel) }

func packLabels(s string, good func(label string) bool) (wire string, ok bool) {
	var b []byte
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > maxLabel || !good(label) {
			return "", false
		}
		b = append(b, byte(len(label)))
		b = appendFolded(b, []byte(label))
	}
	b = append(b, 0)
	return string(b), len(b) <= maxName
}

// isHostLabel allows letters, digits, hyphens (RFC 1123 §2.1) and the
// underscore that guests use all the same.
func isHostLabel(s string) bool {
	for i := range len(s) {
		c := lower(s[i])
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
