package config

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ubridge/internal/config/libvirtxml"
)

// The name service in libvirt's form, in and out.

func (x *xmlReader) dns(e *libvirtxml.Element) {
	x.place("dns", e, "dns")
	on := e.Get("enable") != "no"
	x.raw.DNS.Enabled = &on
	if plain := x.get("dns.local_plain_names", e, "dns", "forwardPlainNames"); plain != nil {
		x.raw.DNS.LocalPlain = truth(*plain == "no")
	}
	for _, f := range e.All("forwarder") {
		x.forwarder(f)
	}
	for i, h := range e.All("host") {
		key := element("dns.hosts", i)
		x.place(key, h, "dns/host")
		host := rawDNSHost{IP: x.get(key+".ip", h, "dns/host", "ip")}
		for j, name := range h.All("hostname") {
			x.place(element(key+".names", j), name, "dns/host/hostname")
			host.Names = append(host.Names, strings.TrimSpace(name.Text))
		}
		x.raw.DNS.Hosts = append(x.raw.DNS.Hosts, host)
	}
	x.records(e)
}

// forwarder reads a resolver, of all names or of those of a domain.
func (x *xmlReader) forwarder(f *libvirtxml.Element) {
	d := &x.raw.DNS
	list, key := &d.Upstreams, "dns.upstreams"
	if f.Has("domain") {
		name := f.Get("domain")
		at := slices.IndexFunc(d.Domains, func(z rawDNSDomain) bool { return sameName(*z.Name, name) })
		if at < 0 {
			at = len(d.Domains)
			d.Domains = append(d.Domains, rawDNSDomain{Name: &name})
			x.place(element("dns.domains", at), f, "dns/forwarder")
			x.place(element("dns.domains", at)+".name", f, "dns/forwarder@domain")
		}
		list, key = &d.Domains[at].Upstreams, element("dns.domains", at)+".upstreams"
	}
	if f.Has("addr") {
		x.place(element(key, len(*list)), f, "dns/forwarder@addr")
		*list = append(*list, resolver(f.Get("addr"), f.Get("port")))
	}
}

func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// resolver is a forwarder in the form of dns.upstreams.
func resolver(addr, port string) string {
	if port == "" {
		return addr
	}
	return net.JoinHostPort(addr, port)
}

func (x *xmlReader) records(e *libvirtxml.Element) {
	const txt, srv = "dns/txt", "dns/srv"
	for i, t := range e.All("txt") {
		key := element("dns.txt", i)
		x.place(key, t, txt)
		x.raw.DNS.Texts = append(x.raw.DNS.Texts, rawDNSText{
			Name: x.get(key+".name", t, txt, "name"), Value: x.get(key+".value", t, txt, "value"),
		})
	}
	for i, s := range e.All("srv") {
		key := element("dns.srv", i)
		x.place(key, s, srv)
		x.raw.DNS.Services = append(x.raw.DNS.Services, rawDNSService{
			Service: x.get(key+".service", s, srv, "service"), Protocol: x.get(key+".protocol", s, srv, "protocol"),
			Domain: x.get(key+".domain", s, srv, "domain"), Target: x.get(key+".target", s, srv, "target"),
			Port: x.number(key+".port", s, srv, "port"), Priority: x.number(key+".priority", s, srv, "priority"),
			Weight: x.number(key+".weight", s, srv, "weight"),
		})
	}
}

// number is get for a number that the table has checked.
func (x *xmlReader) number(key string, e *libvirtxml.Element, path, attr string) *int64 {
	v := x.get(key, e, path, attr)
	if v == nil {
		return nil
	}
	n, _ := strconv.ParseInt(*v, 10, 64)
	return &n
}

// element is nil where there is nothing to say. libvirt takes nothing within a name
// service that is off.
func (d DNS) element() *libvirtxml.Element {
	plain := ""
	if d.LocalPlain {
		plain = "no"
	}
	if !d.Enabled {
		return libvirtxml.New("dns", "enable", "no", "forwardPlainNames", plain)
	}
	e := libvirtxml.New("dns", "forwardPlainNames", plain)
	addForwarders(e, "", d.Upstreams)
	for _, z := range d.Domains {
		if len(z.Upstreams) == 0 {
			e.Add(libvirtxml.New("forwarder", "domain", z.Name))
		}
		addForwarders(e, z.Name, z.Upstreams)
	}
	for _, t := range d.Texts {
		e.Add(libvirtxml.New("txt", "name", t.Name).Set("value", t.Value))
	}
	for _, s := range d.Services {
		e.Add(s.element())
	}
	for _, h := range d.Hosts {
		host := libvirtxml.New("host", "ip", h.IP.String())
		for _, name := range h.Names {
			host.Add(libvirtxml.NewText("hostname", name))
		}
		e.Add(host)
	}
	if len(e.Children)+len(e.Attrs) == 0 {
		return nil
	}
	return e
}

// addForwarders leaves out what libvirt has no form for: an address with a zone.
func addForwarders(e *libvirtxml.Element, domain string, list []netip.AddrPort) {
	for _, up := range list {
		port := ""
		if up.Port() != 53 {
			port = strconv.Itoa(int(up.Port()))
		}
		if up.Addr().Zone() == "" {
			e.Add(libvirtxml.New("forwarder", "domain", domain, "addr", up.Addr().String(), "port", port))
		}
	}
}

func (s DNSService) element() *libvirtxml.Element {
	number := func(n uint16) string {
		if n == 0 {
			return "" // left out
		}
		return strconv.Itoa(int(n))
	}
	return libvirtxml.New("srv", "service", s.Service, "protocol", s.Protocol, "domain", s.Domain, "target", s.Target,
		"port", number(s.Port), "priority", number(s.Priority), "weight", number(s.Weight))
}
