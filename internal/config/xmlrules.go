package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ubridge/internal/config/libvirtxml"
)

// wrong records a fault of an element.
func (x *xmlReader) wrong(e *libvirtxml.Element, name, fix, format string, args ...any) {
	x.list = append(x.list, &Error{File: x.file, Line: e.Line, Key: name, Reason: fmt.Sprintf(format, args...), Fix: fix})
}

// rules holds elements against one another, as libvirt does when it reads them
// (virNetworkDefParseLibvirt in src/conf/network_conf.c) and when it defines the
// network (networkValidate in src/network/bridge_driver.c).
func (x *xmlReader) rules(root *libvirtxml.Element) {
	if err := CheckName(x.name); err != nil {
		e := root.Child("name")
		if e == nil {
			e = root
		}
		x.wrong(e, "name", "give the network another name: <name>lab</name>", "%v", err)
	}
	if f := root.Child("forward"); f != nil {
		x.forwardRules(f)
	}
	if x.bridged() {
		x.bridgedRules(root)
	} else if mainIP(root) == nil && !x.own {
		x.wrong(root, "ip", "give the gateway's address: <ip address='192.168.50.1' prefix='24'/>", "a network of mode %s without an IPv4 address of its own", *x.raw.Mode)
	}
	if d := root.Child("domain"); d.Get("register") == "yes" && d.Get("localOnly") != "yes" {
		x.wrong(d, "domain@register", "add localOnly='yes', or leave it out", "only a domain that is kept local can be registered")
	}
	x.groupRules(root)
	x.dnsRules(root.Child("dns"))
	x.ipRules(root)
	x.routeRules(root)
}

// forwardRules wants the one device that the mode may have.
func (x *xmlReader) forwardRules(f *libvirtxml.Element) {
	mode, devices := Mode(*x.raw.Mode), outDevices(f)
	if first := f.Child("interface"); f.Has("dev") && first != nil && first.Get("dev") != f.Get("dev") {
		x.wrong(f, "forward@dev", "name the same device in both, or leave one out", "%s is not the first <interface>, %s", f.Get("dev"), first.Get("dev"))
	} else if len(devices) > 1 {
		x.wrong(f, "forward/interface", "name one; for others make a network each", "several devices: %s", strings.Join(devices, ", "))
	}
	if mode == ModeOpen && len(devices) > 0 {
		x.wrong(f, "forward@dev", "leave it out, or use mode='route'", "mode open does not limit where packets go")
	}
	if mode != ModeNAT && f.Child("nat") != nil {
		x.wrong(f.Child("nat"), "forward/nat", "leave it out", "mode %s does not translate", mode)
	}
}

// bridgedRules wants nothing that the LAN has of its own, and a NIC rather than a
// kernel bridge.
func (x *xmlReader) bridgedRules(root *libvirtxml.Element) {
	for _, name := range []string{"mtu", "mac", "domain", "dns", "ip", "route"} {
		if e := root.Child(name); e != nil {
			x.wrong(e, name, "leave it out", "guests of mode bridge have what the LAN gives them")
		}
	}
	b := root.Child("bridge")
	for _, name := range []string{"stp", "delay", "zone"} {
		if b.Has(name) {
			x.wrong(b, "bridge@"+name, "leave it out", "mode bridge makes no bridge that it could be set on")
		}
	}
	if !b.Has("name") {
		x.unlimited(root, "", root.All("bandwidth"))
		return
	}
	if x.raw.Uplink != nil {
		x.wrong(b, "bridge@name", "leave one out", "a bridge and a NIC are both named")
	} else if x.more.Uplink == nil {
		x.wrong(b, "bridge@name", "name the NIC behind it, <forward mode='bridge'><interface dev='eth0'/></forward>, or uplink = \"eth0\" in ubridge's element in <metadata>",
			"%s would be a bridge of the kernel, which ubridge does without", b.Get("name"))
	}
}

func (x *xmlReader) unlimited(root *libvirtxml.Element, path string, list []*libvirtxml.Element) {
	for _, e := range list {
		x.wrong(e, path+"bandwidth", "leave it out", "libvirt limits no rates in mode bridge on a NIC")
	}
	if path == "" {
		for _, g := range root.All("portgroup") {
			x.unlimited(g, "portgroup/", g.All("bandwidth"))
		}
	}
}

// groupRules are about port groups, bandwidths and port profiles.
func (x *xmlReader) groupRules(root *libvirtxml.Element) {
	x.bandwidthRules("", root)
	if v := root.Child("virtualport"); v != nil && !v.Has("type") {
		x.wrong(v, "virtualport", "add type='…'", "the attribute type is missing")
	}
	seen, first := map[string]bool{}, ""
	for _, g := range root.All("portgroup") {
		name := g.Get("name")
		if seen[name] {
			x.wrong(g, "portgroup@name", "give each another name", "two groups are named %s", name)
		}
		seen[name] = true
		if g.Get("default") == "yes" {
			if first != "" {
				x.wrong(g, "portgroup@default", "leave it to one", "%s is the default already", first)
			}
			first = name
		}
		x.bandwidthRules("portgroup/", g)
	}
}

func (x *xmlReader) bandwidthRules(path string, in *libvirtxml.Element) {
	for _, side := range []string{"inbound", "outbound"} {
		e := in.Child("bandwidth").Child(side)
		if e == nil {
			continue
		}
		name := path + "bandwidth/" + side
		if side == "outbound" && e.Has("floor") {
			x.wrong(e, name+"@floor", "leave it out", "only what comes in can have a floor")
		}
		if !e.Has("average") && (!e.Has("floor") || e.Has("peak") || e.Has("burst")) {
			x.wrong(e, name, "add average='…'", "the attribute average is missing")
		}
	}
}

func (x *xmlReader) dnsRules(e *libvirtxml.Element) {
	if e.Get("enable") == "no" && len(e.Children) > 0 {
		x.wrong(e, "dns@enable", "leave out what is within, or enable it", "a name service that is off has something to serve")
	}
	common := map[string]bool{} // domain → whether it is asked of the common resolvers
	for _, f := range e.All("forwarder") {
		name := strings.ToLower(strings.TrimSuffix(f.Get("domain"), "."))
		if was, twice := common[name]; name != "" && twice && (was || !f.Has("addr")) {
			x.wrong(f, "dns/forwarder@domain", "leave one out", "%s has a forwarder without an address, and another", name)
		}
		common[name] = !f.Has("addr")
		if !f.Has("addr") && !f.Has("domain") {
			x.wrong(f, "dns/forwarder", "add addr='…'", "neither an address nor a domain")
		}
		if f.Has("port") && !f.Has("addr") {
			x.wrong(f, "dns/forwarder@port", "add addr='…'", "a port of no address")
		}
	}
	for _, h := range e.All("host") {
		if h.Child("hostname") == nil {
			x.wrong(h, "dns/host", "add <hostname>…</hostname>", "an address without a name")
		}
	}
	for _, s := range e.All("srv") {
		for _, name := range []string{"port", "priority", "weight"} {
			if s.Has(name) && !s.Has("target") {
				x.wrong(s, "dns/srv@"+name, "add target='…'", "there is no target that it could be of")
			}
		}
	}
}

// routeRules wants routes into networks, by gateways that can be reached.
func (x *xmlReader) routeRules(root *libvirtxml.Element) {
	for _, r := range root.All("route") {
		p, err := subnetOf(r)
		gateway, _ := netip.ParseAddr(r.Get("gateway"))
		reached := func(e *libvirtxml.Element) bool {
			own, err := subnetOf(e)
			return err == nil && own.Contains(gateway)
		}
		switch {
		case !x.familyFits(r, "route"):
		case err != nil:
			x.wrong(r, "route@prefix", "use a shorter one", "%v", err)
		case p.Masked() != p && (r.Has("prefix") || r.Has("netmask")):
			x.wrong(r, "route@address", "write "+p.Masked().Addr().String(), "%v is no network of %d bits", p.Addr(), p.Bits())
		case gateway.Is4() != p.Addr().Is4():
			x.wrong(r, "route@gateway", "give one of the same family", "%v cannot lead to %v", gateway, p)
		case r.Get("metric") == "0":
			x.wrong(r, "route@metric", "use a number from 1 on, or leave it out", "0 is no metric")
		case !slices.ContainsFunc(root.All("ip"), reached):
			x.wrong(r, "route@gateway", "give an address in the subnet of an <ip>", "%v is in no subnet of the network", gateway)
		}
	}
}
