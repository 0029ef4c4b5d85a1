package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
)

// pinFirst is the fix for addresses that are given without a subnet.
const pinFirst = `set address, such as "192.168.50.1/24"`

func (f *faults) checkDHCP(n *Network) {
	f.checkLeaseTime("dhcp.lease_time", n.DHCP.LeaseTime)
	if n.DHCP.ReservedOnly && len(n.DHCP.Ranges) > 0 {
		f.add("dhcp.reserved_only", "leave it out, or the ranges", "there are ranges to lease from")
	}
	f.checkBoot(n.DHCP)
	f.checkRanges(n)
	seen := map[string]string{}
	for i := range n.DHCP.Hosts {
		f.checkHost(n, element("dhcp.hosts", i), &n.DHCP.Hosts[i], seen)
	}
}

// maxBootFile is what a DHCP message has room for (RFC 2131 §2).
const maxBootFile = 127

func (f *faults) checkBoot(d DHCP) {
	if len(d.BootFile) > maxBootFile || d.BootFile != "" && strings.TrimSpace(d.BootFile) == "" || strings.ContainsFunc(d.BootFile, unicode.IsControl) {
		f.add("dhcp.boot_file", fmt.Sprintf("use at most %d bytes", maxBootFile), "%q is no name of a file", d.BootFile)
	}
	switch {
	case !d.BootServer.IsValid():
	case d.BootFile == "":
		f.add("dhcp.boot_server", "set boot_file too, or leave it out", "there is no file to load from %v", d.BootServer)
	case !d.BootServer.Is4():
		f.add("dhcp.boot_server", "give an IPv4 address", "%v is none", d.BootServer)
	}
}

func (f *faults) checkLeaseTime(key string, t time.Duration) {
	if t < MinLeaseTime || t > InfiniteLease || t%time.Second != 0 {
		f.add(key, `use whole seconds from "2m" on, or "infinite"`, "%v is no lease time", t)
	}
}

func (f *faults) checkRanges(n *Network) {
	total := 0
	for i, r := range n.DHCP.Ranges {
		key := element("dhcp.ranges", i)
		total += r.Size()
		switch outside := outsideOf(n, r.First, r.Last); {
		case !n.Pinned():
			f.add(key, pinFirst, "the subnet is automatic, so a range cannot be given")
		case outside != "":
			f.add(key, "use "+span(n.Address), "%s", outside)
		case r.Contains(n.Address.Addr()):
			f.add(key, "split it in two", "holds the gateway %v", n.Address.Addr())
		}
		for j, other := range n.DHCP.Ranges[:i] {
			if r.Contains(other.First) || other.Contains(r.First) {
				f.add(key, "keep them apart", "overlaps dhcp.ranges[%d]", j)
			}
		}
	}
	if total > MaxPool {
		f.add("dhcp.ranges", fmt.Sprintf("use at most %d", MaxPool), "%d addresses", total)
	}
}

// checkHost checks one reservation; seen holds what earlier ones took.
func (f *faults) checkHost(n *Network, key string, h *DHCPHost, seen map[string]string) {
	if h.MAC == nil && h.ClientID == nil && (h.Name == "" || !h.IP.IsValid()) {
		f.add(key, "give mac or client_id, or the ip for a name", "a reservation for nobody")
	}
	if h.LeaseTime != 0 {
		f.checkLeaseTime(key+".lease_time", h.LeaseTime)
	}
	if !h.IP.IsValid() && h.Name == "" {
		f.add(key, "give ip or name", "a reservation of nothing")
	}
	if h.MAC != nil {
		f.station(key+".mac", h.MAC)
		f.once(seen, key, "mac", h.MAC.String())
	}
	if h.ClientID != nil {
		f.once(seen, key, "client_id", fmt.Sprintf("%x", h.ClientID))
	}
	if h.Name != "" {
		if err := checkDomain(h.Name); err != nil {
			f.add(key+".name", "use letters, digits and '-'", "%v", err)
		}
		f.once(seen, key, "name", h.Label())
	}
	if h.IP.IsValid() {
		f.checkReserved(n, key+".ip", h.IP)
		f.once(seen, key, "ip", h.IP.String())
	}
}

func (f *faults) checkReserved(n *Network, key string, ip netip.Addr) {
	switch outside := outsideOf(n, ip); {
	case !ip.Is4():
		f.add(key, "give an IPv4 address", "%v is none", ip)
	case !n.Pinned():
		f.add(key, pinFirst, "the subnet is automatic, so an address cannot be reserved")
	case outside != "":
		f.add(key, "use "+span(n.Address), "%s", outside)
	case ip == n.Address.Addr():
		f.add(key, "use another", "%v is the gateway's", ip)
	}
}

// once refuses a value that the same field of another reservation has already.
func (f *faults) once(seen map[string]string, key, field, value string) {
	if first, taken := seen[field+" "+value]; taken {
		f.add(key+"."+field, "use each once", "%s is in %s already", value, first)
		return
	}
	seen[field+" "+value] = key
}

// outsideOf says which of the addresses is no host address of the pinned subnet.
func outsideOf(n *Network, addresses ...netip.Addr) string {
	if !n.Pinned() {
		return ""
	}
	first, last := hosts(n.Address)
	hosts := Range{addr(first), addr(last)}
	for _, a := range addresses {
		if !hosts.Contains(a) {
			return fmt.Sprintf("%v is no host address of %v", a, n.Address.Masked())
		}
	}
	return ""
}

// span names the host addresses of the gateway's subnet.
func span(gateway netip.Prefix) string {
	first, last := hosts(gateway)
	return Range{addr(first), addr(last)}.String()
}
