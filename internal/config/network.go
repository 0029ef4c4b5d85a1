package config

// ParseNetwork reads the definition of the network name, as `net define` is
// given it. Errors name the file NAME.toml. Autostart is off unless the text
// sets it, as with virsh net-define; compare LoadNetwork.
func ParseNetwork(name string, doc []byte) (Network, error) {
	return parseNetwork(name, name+".toml", doc, false)
}

func parseNetwork(name, file string, doc []byte, autostart bool) (Network, error) {
	var raw rawNetwork
	f, err := decode(file, doc, &raw)
	if err != nil {
		return Network{}, err
	}
	n := DefaultIn(name, raw.mode())
	n.Autostart = autostart
	n.Origin = Origin{lines: f.lines}
	f.network(&raw, &n)
	if err := f.err(); err != nil {
		return Network{}, err
	}
	f.check(&n)
	return n, f.err()
}

// mode is what the file says, nat if nothing.
func (raw *rawNetwork) mode() Mode {
	if raw.Mode == nil {
		return ModeNAT
	}
	return Mode(*raw.Mode)
}

// network converts what the file says onto the defaults in n.
func (f *faults) network(raw *rawNetwork, n *Network) {
	f.uuid("uuid", raw.UUID, &n.UUID)
	f.text("bridge", raw.Bridge, &n.Bridge)
	f.mac("mac", raw.MAC, &n.MAC)
	f.gateway("address", raw.Address, &n.Address)
	f.text("uplink", raw.Uplink, &n.Uplink)
	set(raw.Isolated, &n.IsolatedPorts)
	f.integer("mtu", raw.MTU, &n.MTU, minMTU, maxMTU)
	f.name("domain", raw.Domain, &n.Domain)
	set(raw.Autostart, &n.Autostart)
	f.duration("ageing", raw.Ageing, &n.Ageing)
	f.integer("stations", raw.Stations, &n.Stations, minStations, maxLearn)
	f.integer("learn_limit", raw.LearnLimit, &n.LearnLimit, 1, maxLearn)
	n.Ports = f.names("ports", raw.Ports)
	n.GroupForward = f.names("group_forward", raw.Forward)
	f.adopt(raw, &n.Adopt)
	f.text("fastpath", raw.FastPath, (*string)(&n.FastPath))
	f.dhcp(&raw.DHCP, &n.DHCP)
	f.dns(&raw.DNS, &n.DNS)
	n.NAT.Egress = f.names("nat.egress", raw.NAT.Egress)
	f.portRange("nat.ports", raw.NAT.Ports, &n.NAT.Ports)
	n.Kept = f.names("libvirt.kept", raw.Libvirt.Kept)
}

func (f *faults) dhcp(raw *rawDHCP, d *DHCP) {
	set(raw.Enabled, &d.Enabled)
	d.Ranges = f.ranges("dhcp.ranges", raw.Ranges)
	set(raw.Reserved, &d.ReservedOnly)
	f.text("dhcp.boot_file", raw.Boot, &d.BootFile)
	f.addr("dhcp.boot_server", raw.From, &d.BootServer)
	f.leaseTime("dhcp.lease_time", raw.LeaseTime, &d.LeaseTime)
	for i := range raw.Hosts {
		key, h := element("dhcp.hosts", i), DHCPHost{}
		f.mac(key+".mac", raw.Hosts[i].MAC, &h.MAC)
		f.clientID(key+".client_id", raw.Hosts[i].ClientID, &h.ClientID)
		f.addr(key+".ip", raw.Hosts[i].IP, &h.IP)
		f.name(key+".name", raw.Hosts[i].Name, &h.Name)
		f.leaseTime(key+".lease_time", raw.Hosts[i].Lease, &h.LeaseTime)
		d.Hosts = append(d.Hosts, h)
	}
}
