package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ubridge/internal/config/libvirtxml"
)

// xmlReader reads libvirt's elements into the keys of the native form. It notes
// for each key the element that said it.
type xmlReader struct {
	faults
	name string
	raw  rawNetwork // what the elements say
	more rawNetwork // what ubridge's element in <metadata> says
	own  bool       // that element is there
}

// place notes the element that says key.
func (x *xmlReader) place(key string, e *libvirtxml.Element, name string) {
	if x.lines != nil && e != nil {
		x.lines[key], x.spelled[key] = e.Line, name
	}
}

// get gives the value of an attribute to key; nil where it is not given.
func (x *xmlReader) get(key string, e *libvirtxml.Element, path, attr string) *string {
	if !e.Has(attr) {
		return nil
	}
	x.place(key, e, path+"@"+attr)
	v := e.Get(attr)
	return &v
}

// fill reads what the table honours. What cannot be read is nobody's fault here:
// the table and rules have said so.
func (x *xmlReader) fill(root *libvirtxml.Element) {
	if e := root.Child("name"); e != nil {
		x.name = strings.TrimSpace(e.Text)
		x.place("", e, "name")
	}
	if e := root.Child("uuid"); e != nil {
		x.place("uuid", e, "uuid")
		x.raw.UUID = &e.Text
	}
	x.forward(root)
	x.link(root)
	if x.bridged() {
		return
	}
	x.dns(root.Child("dns"))
	main := mainIP(root)
	for _, e := range root.All("ip") {
		if e != main {
			e.Keep()
		}
	}
	x.ip(main)
}

func (x *xmlReader) bridged() bool { return *x.raw.Mode == string(ModeBridge) }

// forward reads the mode, which libvirt has no element for where nothing leaves
// the network, and the way out.
func (x *xmlReader) forward(root *libvirtxml.Element) {
	f, isolated := root.Child("forward"), root.Child("port").Get("isolated") == "yes"
	mode := string(ModeNAT)
	switch {
	case f == nil && isolated:
		mode, isolated = string(ModeHostOnly), false
	case f == nil:
		mode = string(ModeIsolated)
	case f.Has("mode"):
		mode = f.Get("mode")
	}
	x.raw.Mode = &mode
	x.place("mode", f, "forward@mode")
	x.place("isolated_ports", root.Child("port"), "port@isolated")
	x.raw.Isolated = truth(isolated)
	x.place("uplink", f, "forward")
	if dev := outDevices(f); len(dev) > 0 {
		x.place("uplink", f, "forward@dev")
		x.raw.Uplink = &dev[0]
	}
	x.ports(f.Child("nat").Child("port"))
}

// libvirtPorts is what libvirt writes where no ports are given. Those that are then
// taken here, above the host's own, lie in it.
const libvirtPorts = "1024-65535"

func (x *xmlReader) ports(p *libvirtxml.Element) {
	if p == nil {
		return
	}
	ports := p.Get("start") + "-" + p.Get("end")
	if ports == libvirtPorts {
		p.Keep()
		return
	}
	x.place("nat.ports", p, "forward/nat/port")
	x.raw.NAT.Ports = &ports
}

// outDevices are the devices that <forward> names, each once.
func outDevices(f *libvirtxml.Element) (list []string) {
	if f.Has("dev") {
		list = append(list, f.Get("dev"))
	}
	for _, e := range f.All("interface") {
		if dev := e.Get("dev"); !slices.Contains(list, dev) {
			list = append(list, dev)
		}
	}
	return list
}

// link reads what is about the switch itself.
func (x *xmlReader) link(root *libvirtxml.Element) {
	if b := root.Child("bridge"); x.bridged() {
		b.KeepAttr("name")
	} else {
		x.raw.Bridge = x.get("bridge", b, "bridge", "name")
	}
	x.raw.MAC = x.get("mac", root.Child("mac"), "mac", "address")
	if size := x.get("mtu", root.Child("mtu"), "mtu", "size"); size != nil && *size != "0" {
		n, _ := strconv.ParseInt(*size, 10, 64)
		x.raw.MTU = &n
	}
	domain := root.Child("domain")
	x.raw.Domain = x.get("domain", domain, "domain", "name")
	if local := x.get("dns.local_only", domain, "domain", "localOnly"); local != nil {
		x.raw.DNS.LocalOnly = truth(*local == "yes")
	}
}

// mainIP is the element that the network's own subnet is read from: the first of
// IPv4. nil for none.
func mainIP(root *libvirtxml.Element) *libvirtxml.Element {
	for _, e := range root.All("ip") {
		if !strings.Contains(e.Get("address"), ":") {
			return e
		}
	}
	return nil
}

func (x *xmlReader) ip(e *libvirtxml.Element) {
	off := false
	x.raw.DHCP.Enabled = &off
	if e == nil {
		return
	}
	x.place("address", e, "ip@address")
	if p, err := subnetOf(e); err == nil {
		x.raw.Address = given(p.String())
	}
	d := e.Child("dhcp")
	x.place("dhcp", d, "ip/dhcp")
	for i, r := range d.All("range") {
		x.place(element("dhcp.ranges", i), r, "ip/dhcp/range")
		x.raw.DHCP.Ranges = append(x.raw.DHCP.Ranges, r.Get("start")+"-"+r.Get("end"))
		if l := r.Child("lease"); l != nil && x.raw.DHCP.LeaseTime == nil {
			x.place("dhcp.lease_time", l, "ip/dhcp/range/lease")
			x.raw.DHCP.LeaseTime = leaseOf(l)
		}
	}
	for i, h := range d.All("host") {
		x.raw.DHCP.Hosts = append(x.raw.DHCP.Hosts, x.dhcpHost(element("dhcp.hosts", i), h))
	}
	x.raw.DHCP.Boot = x.get("dhcp.boot_file", d.Child("bootp"), "ip/dhcp/bootp", "file")
	x.raw.DHCP.From = x.get("dhcp.boot_server", d.Child("bootp"), "ip/dhcp/bootp", "server")
	on := len(x.raw.DHCP.Ranges)+len(x.raw.DHCP.Hosts) > 0
	x.raw.DHCP.Enabled = &on
	x.raw.DHCP.Reserved = truth(on && len(x.raw.DHCP.Ranges) == 0)
}

func (x *xmlReader) dhcpHost(key string, h *libvirtxml.Element) rawDHCPHost {
	const path = "ip/dhcp/host"
	x.place(key, h, path)
	raw := rawDHCPHost{
		MAC: x.get(key+".mac", h, path, "mac"), IP: x.get(key+".ip", h, path, "ip"), Name: x.get(key+".name", h, path, "name"),
	}
	if l := h.Child("lease"); l != nil {
		x.place(key+".lease_time", l, path+"/lease")
		raw.Lease = leaseOf(l)
	}
	return raw
}

// leaseOf is a lease time as the native form has it; 0 is for ever, and the unit
// is minutes unless it is given.
func leaseOf(l *libvirtxml.Element) *string {
	n, err := strconv.ParseUint(l.Get("expiry"), 10, 32)
	unit := map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute, "hours": time.Hour, "": time.Minute}[l.Get("unit")]
	switch {
	case err != nil || time.Duration(n) > InfiniteLease/unit:
		return given(l.Get("expiry") + " " + l.Get("unit")) // refused as no duration
	case n == 0:
		return given("infinite")
	}
	return given((time.Duration(n) * unit).String())
}

// subnetOf is the address of an <ip> with its prefix length. Without one it is
// that of the address's class, 64 in IPv6, as in libvirt (virNetworkIPDefPrefix).
func subnetOf(e *libvirtxml.Element) (netip.Prefix, error) {
	a, err := netip.ParseAddr(e.Get("address"))
	if err != nil {
		return netip.Prefix{}, err
	}
	bits := 64
	switch {
	case e.Has("prefix"):
		bits, _ = strconv.Atoi(e.Get("prefix"))
	case e.Has("netmask"):
		mask, _ := netip.ParseAddr(e.Get("netmask"))
		bits, _ = net.IPMask(mask.AsSlice()).Size()
	case a.Is4():
		bits, _ = net.IP(a.AsSlice()).DefaultMask().Size()
	}
	p := netip.PrefixFrom(a, bits)
	if !p.IsValid() {
		return p, fmt.Errorf("a prefix of %d bits", bits)
	}
	return p, nil
}
