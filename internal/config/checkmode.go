package config

// checkMode holds the definition against what its mode has a place for. libvirt
// refuses the same things in its bridge and isolated networks (networkValidate in
// src/network/bridge_driver.c).
func (f *faults) checkMode(n *Network) {
	switch n.Mode {
	case ModeNAT, ModeRoute, ModeOpen:
	case ModeIsolated, ModeHostOnly:
		f.absent("uplink", n.Uplink != "", "nothing leaves a network of mode "+string(n.Mode))
	case ModeBridge:
		f.checkBridged(n)
	default:
		f.add("mode", "use nat, isolated, host-only, route, open or bridge", "there is no mode %q", n.Mode)
		return
	}
	if n.Uplink != "" {
		f.device("uplink", n.Uplink)
	}
	if n.Mode != ModeNAT {
		because := "a network of mode " + string(n.Mode) + " is not translated"
		f.absent("nat.ports", n.NAT.Ports != PortRange{}, because)
	}
	if !n.Routed() {
		f.absent("nat.egress", len(n.NAT.Egress) > 0, "a network of mode "+string(n.Mode)+" has no way out")
	}
}

// checkBridged wants a NIC, and nothing that a LAN has of its own.
func (f *faults) checkBridged(n *Network) {
	if n.Uplink == "" {
		f.add("uplink", `name the NIC, such as uplink = "eth0"`, "mode bridge puts guests on the LAN of a NIC, and none is given")
	}
	const lan = "guests of mode bridge have what the LAN gives them"
	f.absent("bridge", n.Bridge != "", "mode bridge has no host port: the host stays on its NIC")
	f.absent("mac", n.MAC != nil, "mode bridge has no gateway of its own")
	f.absent("address", n.Address.IsValid(), lan)
	f.absent("domain", n.Domain != "", lan)
	f.absent("dhcp", n.DHCP.Enabled || len(n.DHCP.Ranges)+len(n.DHCP.Hosts)+len(n.DHCP.BootFile) > 0, lan)
	f.absent("dns", n.DNS.Enabled || len(n.DNS.Upstreams)+len(n.DNS.Hosts)+len(n.DNS.Domains)+len(n.DNS.Texts)+len(n.DNS.Services) > 0, lan)
}

// absent records a key that the mode has no place for.
func (f *faults) absent(key string, present bool, because string) {
	if present {
		f.add(key, "leave it out", "%s", because)
	}
}
