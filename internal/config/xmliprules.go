package config

import (
	"net/netip"
	"strings"

	"ubridge/internal/config/libvirtxml"
)

// ipRules holds each <ip> against itself, and wants DHCP in one of a family.
func (x *xmlReader) ipRules(root *libvirtxml.Element) {
	serves := map[bool]bool{} // by IPv4
	for _, e := range root.All("ip") {
		if !e.Has("address") {
			x.wrong(e, "ip", "add address='192.168.50.1'", "the attribute address is missing")
			continue
		}
		p, err := subnetOf(e)
		four := p.Addr().Is4()
		d := e.Child("dhcp")
		if !x.familyFits(e, "ip") {
			continue
		}
		if err != nil {
			x.wrong(e, "ip@prefix", "use up to 32, in IPv6 128", "%v", err)
			continue
		}
		if len(d.All("range"))+len(d.All("host")) > 0 {
			if serves[four] {
				x.wrong(d, "ip/dhcp", "keep it in one", "DHCP in two subnets of one family")
			}
			serves[four] = true
		}
		x.ptrRule(e, p)
		x.dhcpRules(e, d, p)
	}
}

// familyFits compares family, netmask and prefix with the address.
func (x *xmlReader) familyFits(e *libvirtxml.Element, path string) bool {
	a, _ := netip.ParseAddr(e.Get("address"))
	family := "ipv4"
	if a.Is6() {
		family = "ipv6"
	}
	said := e.Get("family")
	if said == "" {
		said = "ipv4"
	}
	switch {
	case said != family:
		x.wrong(e, path+"@family", "write family='"+family+"'", "%v is no address of %s", a, said)
	case e.Has("netmask") && e.Has("prefix"):
		x.wrong(e, path+"@netmask", "leave one out", "a netmask and a prefix")
	case e.Has("netmask") && a.Is6():
		x.wrong(e, path+"@netmask", "use prefix='64'", "IPv6 has no netmasks")
	default:
		return true
	}
	return false
}

// ptrRule wants a prefix that ends where a label of the reverse zone does.
func (x *xmlReader) ptrRule(e *libvirtxml.Element, p netip.Prefix) {
	step := 8
	if p.Addr().Is6() {
		step = 4
	}
	if e.Get("localPtr") == "yes" && p.Bits()%step != 0 {
		x.wrong(e, "ip@localPtr", "leave it out", "a prefix of %d bits has no reverse zone of its own", p.Bits())
	}
}

// dhcpRules checks what the model does not: it has IPv4 and one lease time.
func (x *xmlReader) dhcpRules(e, d *libvirtxml.Element, p netip.Prefix) {
	six := p.Addr().Is6()
	if six && e.Child("tftp") != nil {
		x.wrong(e.Child("tftp"), "ip/tftp", "move it to the <ip> of IPv4", "TFTP in IPv6")
	}
	times := map[string]bool{}
	for _, r := range d.All("range") {
		first, _ := netip.ParseAddr(r.Get("start"))
		last, _ := netip.ParseAddr(r.Get("end"))
		if !p.Contains(first) || !p.Contains(last) || last.Less(first) {
			x.wrong(r, "ip/dhcp/range", "use addresses of the subnet, the lower one first", "%v to %v is no range in %v", first, last, p.Masked())
		}
		text := "default"
		if l := r.Child("lease"); l != nil {
			text = *leaseOf(l)
		}
		times[text] = true
	}
	if len(times) > 1 {
		x.wrong(d, "ip/dhcp/range/lease", "give every range the same", "ranges with different lease times")
	}
	for _, h := range d.All("host") {
		x.hostRules(h, six)
	}
}

func (x *xmlReader) hostRules(h *libvirtxml.Element, six bool) {
	const path = "ip/dhcp/host"
	switch {
	case six && h.Has("mac"):
		x.wrong(h, path+"@mac", "use id='DUID'", "clients of DHCPv6 are not known by a MAC")
	case !six && h.Has("id"):
		x.wrong(h, path+"@id", "use mac, or client_id in ubridge's own form", "DUIDs are those of IPv6 clients")
	case six && !h.Has("id") && !h.Has("name"):
		x.wrong(h, path, "add id or name", "a reservation for nobody")
	case !six && !h.Has("mac") && !h.Has("name"):
		x.wrong(h, path, "add mac or name", "a reservation for nobody")
	}
	if name := h.Get("name"); h.Has("name") && strings.Trim(name[:min(1, len(name))], "-_.") == "" {
		x.wrong(h, path+"@name", "begin it with a letter or a digit", "%q is no name of a host", name)
	}
}
