package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"ubridge/internal/config/libvirtxml"
)

// tree is the definition in libvirt's elements, as far as they have a place for it
// and libvirt takes them in the network's mode.
func (n Network) tree() *libvirtxml.Element {
	root := libvirtxml.New("network").Add(libvirtxml.NewText("name", n.Name))
	if n.UUID != "" {
		root.Add(libvirtxml.NewText("uuid", n.UUID))
	}
	root.Add(n.forwardElement())
	if n.PortsIsolated() {
		root.Add(libvirtxml.New("port", "isolated", "yes"))
	}
	if n.Mode == ModeBridge {
		return root
	}
	if n.Bridge != "" {
		root.Add(libvirtxml.New("bridge", "name", n.Bridge))
	}
	if n.MTU != 0 {
		root.Add(libvirtxml.New("mtu", "size", strconv.Itoa(n.MTU)))
	}
	if n.MAC != nil {
		root.Add(libvirtxml.New("mac", "address", n.MAC.String()))
	}
	if n.Domain != "" {
		root.Add(libvirtxml.New("domain", "name", n.Domain, "localOnly", yes(n.DNS.LocalOnly)))
	}
	return root.Add(n.DNS.element(), n.ipElement())
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "" // left out
}

// forwardElement is nil for networks that nothing leaves. libvirt writes the device
// twice as well.
func (n Network) forwardElement() *libvirtxml.Element {
	dev := n.Uplink
	switch n.Mode {
	case ModeIsolated, ModeHostOnly:
		return nil
	case ModeOpen:
		dev = "" // libvirt takes none here
	case ModeBridge:
		if libvirtxml.KeepsBridge(n.Kept) {
			dev = "" // nor beside the name of a bridge
		}
	}
	f := libvirtxml.New("forward", "dev", dev, "mode", string(n.Mode))
	if p := n.NAT.Ports; p != (PortRange{}) && p.String() != libvirtPorts {
		f.Add(libvirtxml.New("nat").Add(libvirtxml.New("port", "start", fmt.Sprint(p.First), "end", fmt.Sprint(p.Last))))
	}
	if dev != "" {
		f.Add(libvirtxml.New("interface", "dev", dev))
	}
	return f
}

// ipElement is nil for a subnet that is left to the daemon.
func (n Network) ipElement() *libvirtxml.Element {
	if !n.Pinned() {
		return nil
	}
	mask := net.IP(net.CIDRMask(n.Address.Bits(), 32)).String()
	e := libvirtxml.New("ip", "address", n.Address.Addr().String(), "netmask", mask)
	if d := n.DHCP.element(); len(d.Children) > 0 {
		e.Add(d)
	}
	return e
}

// element has ranges and hosts only where DHCP is on: they turn it on.
func (d DHCP) element() *libvirtxml.Element {
	e := libvirtxml.New("dhcp")
	if d.Enabled {
		d.addLeases(e)
	}
	if d.BootFile != "" {
		e.Add(libvirtxml.New("bootp", "file", d.BootFile, "server", addressText(d.BootServer)))
	}
	return e
}

// addressText is an address's text, nothing for none.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (d DHCP) addLeases(e *libvirtxml.Element) {
	for _, r := range d.Ranges {
		pool := libvirtxml.New("range", "start", r.First.String(), "end", r.Last.String())
		if d.LeaseTime != DefaultLeaseTime {
			pool.Add(leaseElement(d.LeaseTime))
		}
		e.Add(pool)
	}
	for _, h := range d.Hosts {
		if !h.IP.IsValid() || h.MAC == nil && h.Name == "" || h.ClientID != nil {
			continue // libvirt wants an address, and knows no IPv4 client identifiers
		}
		host := libvirtxml.New("host", "mac", h.MAC.String(), "name", h.Name, "ip", h.IP.String())
		if h.LeaseTime != 0 {
			host.Add(leaseElement(h.LeaseTime))
		}
		e.Add(host)
	}
}

// leaseElement gives a lease time in the largest unit that has it whole.
func leaseElement(d time.Duration) *libvirtxml.Element {
	switch {
	case d == InfiniteLease:
		return libvirtxml.New("lease", "expiry", "0")
	case d%time.Hour == 0:
		return libvirtxml.New("lease", "expiry", fmt.Sprint(int64(d/time.Hour)), "unit", "hours")
	case d%time.Minute == 0:
		return libvirtxml.New("lease", "expiry", fmt.Sprint(int64(d/time.Minute)), "unit", "minutes")
	}
	return libvirtxml.New("lease", "expiry", fmt.Sprint(int64(d/time.Second)), "unit", "seconds")
}
