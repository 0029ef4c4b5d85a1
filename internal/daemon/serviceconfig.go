package daemon

import (
	"net/netip"

	"ubridge/dhcpd"
	"ubridge/dnsfwd"
)

// dnsConfig is what the forwarder of the network serves.
func (n *network) dnsConfig() dnsfwd.Config {
	// _gateway is what systemd-resolved calls a machine's default gateway.
	self := []dnsfwd.Host{{Name: "_gateway", Addr: n.addr.Addr()}}
	for _, h := range n.def.DNS.Hosts {
		for _, name := range h.Names {
			self = append(self, dnsfwd.Host{Name: name, Addr: h.IP})
		}
	}
	cfg := dnsfwd.Config{
		Domain: n.def.Domain, LocalOnly: n.def.DNS.LocalOnly, Subnets: []netip.Prefix{n.addr.Masked()}, Self: self,
		Closed: !n.def.Routed() && len(n.def.DNS.Upstreams) == 0,
	}
	addRecords(&cfg, n.def)
	return cfg
}

// dhcpConfig is what the engine of the network serves.
func (n *network) dhcpConfig() dhcpd.Config {
	cfg := dhcpd.Config{
		Server: n.addr.Addr(), Subnet: n.addr.Masked(),
		Domain: n.def.Domain, MTU: uint16(n.def.MTU), LeaseTime: n.def.DHCP.LeaseTime,
		ReservedOnly: n.def.DHCP.ReservedOnly, BootFile: n.def.DHCP.BootFile, BootServer: n.def.DHCP.BootServer,
	}
	if n.def.Routed() {
		cfg.Router = n.addr.Addr() // else nothing leads out: no option 3, as with libvirt
	}
	if n.def.DNS.Enabled {
		cfg.DNS = []netip.Addr{n.addr.Addr()}
	}
	for _, r := range n.def.Pool(n.addr) {
		cfg.Ranges = append(cfg.Ranges, dhcpd.Range{First: r.First, Last: r.Last})
	}
	for _, h := range n.def.DHCP.Hosts {
		host := dhcpd.Host{ClientID: h.ClientID, Name: h.Label(), IP: h.IP, LeaseTime: h.LeaseTime}
		copy(host.MAC[:], h.MAC)
		cfg.Hosts = append(cfg.Hosts, host)
	}
	return cfg
}

// nameGuests gives DNS the names of the leases.
func (n *network) nameGuests(leases []dhcpd.Lease) {
	if n.names == nil {
		return
	}
	var hosts []dnsfwd.Host
	for _, l := range leases {
		if l.Hostname != "" {
			hosts = append(hosts, dnsfwd.Host{Name: l.Hostname, Addr: l.IP})
		}
	}
	n.names.SetHosts(hosts)
}
