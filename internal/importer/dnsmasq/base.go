package dnsmasq

import (
	"net/netip"

	"ubridge/internal/config"
	"ubridge/internal/importer"
)

// base fills in what dnsmasq takes from the interface: address, mode, device.
func (r *reader) base(s *setting, n *served, p pool) {
	if n.known != nil {
		name := n.Name
		n.Network.Network = n.known.Network
		n.Name = name
		n.DHCP = config.Default(name).DHCP
		n.DNS = config.Default(name).DNS
	} else {
		r.assume(s, n)
	}
	if !n.Pinned() {
		n.Address = r.gateway(s, n, p)
	}
	n.Autostart = true
	if r.last("port") == "0" {
		n.DNS.Enabled = false
	}
}

// assume is what holds where the bridge is not known.
func (r *reader) assume(s *setting, n *served) {
	n.Bridge = n.device
	r.plan.Note(n.at, s.key, `set another mode if guests had less, or are routed: "isolated", "route"`,
		"dnsmasq does not say how guests get outside: mode nat was taken")
	if n.device == "" {
		r.plan.Note(n.at, s.key, "set bridge to it if other programs know the name", "dnsmasq does not say on which interface this is; ubridge names one")
		return
	}
	const devices = "/sys/class/net/"
	if r.files.Exists(devices+n.device) && !r.files.Exists(devices+n.device+"/bridge") {
		r.plan.Note(n.at, "interface", "give the guests a network of their own; ubridge does not serve a LAN", "%s is no bridge, so other machines may be on it", n.device)
		n.Bridge = ""
	}
}

// gateway is the host's address on the network, as far as dnsmasq tells: what it
// listens on, what it names as router, else the first of the subnet.
func (r *reader) gateway(s *setting, n *served, p pool) netip.Prefix {
	subnet, guessed, err := importer.Prefix(p.first.String(), p.mask)
	if err != nil || guessed && p.last.IsValid() && !subnet.Contains(p.last) {
		r.plan.Note(n.at, s.key, "set address in the definition by hand", "the netmask of %s is not known", s.value)
		return subnet
	}
	for _, a := range append(r.listening(), r.routers()...) {
		if subnet.Contains(a) && a.Is4() {
			if guessed {
				r.plan.Note(n.at, s.key, "correct address if it is another", "the netmask is not in the file; /24 was taken")
			}
			return netip.PrefixFrom(a, subnet.Bits())
		}
	}
	first := netip.PrefixFrom(subnet.Masked().Addr().Next(), subnet.Bits())
	r.plan.Note(n.at, s.key, "correct address to the host's on that interface if it is another", "the host's own address is not in the file; %v was taken", first)
	return first
}

func (r *reader) listening() (list []netip.Addr) {
	for _, s := range r.list("listen-address") {
		for _, w := range words(s.value) {
			if a, err := netip.ParseAddr(w); err == nil {
				list = append(list, a)
			}
		}
	}
	return list
}

// routers are the routers that guests are told of.
func (r *reader) routers() (list []netip.Addr) {
	for _, s := range r.list("dhcp-option", "dhcp-option-force") {
		o, ok := readOption(s.value)
		if !ok || o.code != optRouter {
			continue
		}
		for _, w := range o.values {
			if a, err := netip.ParseAddr(w); err == nil {
				list = append(list, a)
			}
		}
	}
	return list
}
