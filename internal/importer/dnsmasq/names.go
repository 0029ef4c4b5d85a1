package dnsmasq

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ubridge/internal/config"
)

// domain is domain=NAME[,SUBNET|RANGE[,local]].
func (r *reader) domain(s *setting) {
	list := words(s.value)
	name := canonical(list[0])
	local := slices.Contains(list[1:], "local")
	for _, n := range r.nets {
		if len(list) > 1 && !n.within(list[1]) {
			continue
		}
		n.Domain = name
		n.DNS.LocalOnly = n.DNS.LocalOnly || local
	}
}

// within reports whether the network is in a subnet or begins with an address.
func (n *served) within(text string) bool {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Overlaps(n.Address)
	}
	a, err := netip.ParseAddr(text)
	return err == nil && n.Address.Contains(a)
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// server is server= and local=: [/DOMAIN…/][ADDRESS[#PORT][@INTERFACE]].
func (r *reader) server(s *setting) {
	rest, domains := s.value, []string(nil)
	if strings.HasPrefix(rest, "/") {
		parts := strings.Split(rest, "/")
		domains, rest = parts[1:len(parts)-1], parts[len(parts)-1]
	}
	switch {
	case domains != nil && rest == "":
		r.localOnly(s, domains)
	case domains != nil && rest == "#":
		r.forwarders(domains, nil)
	default:
		if a, ok := r.resolver(s, rest); ok {
			r.forwarders(domains, &a)
		}
	}
}

// forwarders takes a resolver for some domains, or for all without any; nil is the
// network's own.
func (r *reader) forwarders(domains []string, a *netip.AddrPort) {
	for _, n := range r.nets {
		switch {
		case a != nil && n.Address.Addr() == a.Addr(): // dnsmasq asking itself
		case len(domains) == 0:
			n.addUpstream(*a)
		default:
			for _, d := range domains {
				n.forward(canonical(d), a)
			}
		}
	}
}

// forward takes a resolver for one domain.
func (n *served) forward(domain string, a *netip.AddrPort) {
	i := slices.IndexFunc(n.DNS.Domains, func(d config.DNSDomain) bool { return d.Name == domain })
	if i < 0 {
		i = len(n.DNS.Domains)
		n.DNS.Domains = append(n.DNS.Domains, config.DNSDomain{Name: domain})
	}
	if d := &n.DNS.Domains[i]; a != nil && !slices.Contains(d.Upstreams, *a) {
		d.Upstreams = append(d.Upstreams, *a)
	}
}

// asks reports whether a resolver is named for all names.
func (r *reader) asks() bool {
	return slices.ContainsFunc(r.list("server"), func(s *setting) bool { return !strings.HasPrefix(s.value, "/") })
}

// localOnly keeps a network's own domain local.
func (r *reader) localOnly(s *setting, domains []string) {
	kept := false
	for _, n := range r.nets {
		own := r.domainOf(n)
		if own != "" && slices.ContainsFunc(domains, func(d string) bool { return canonical(d) == own }) {
			n.DNS.LocalOnly, kept = true, true
		}
	}
	if !kept {
		r.note(s, "", "%s: only the network's own domain is kept local", s.value)
	}
}

// domainOf is the domain that the network will have: its setting may stand below.
func (r *reader) domainOf(n *served) string {
	for _, s := range r.list("domain") {
		if list := words(s.value); len(list) == 1 || n.within(list[1]) {
			return canonical(list[0])
		}
	}
	return n.Domain
}

// resolver reads ADDRESS[#PORT][@INTERFACE].
func (r *reader) resolver(s *setting, text string) (at netip.AddrPort, ok bool) {
	text, source, bound := strings.Cut(text, "@")
	if bound {
		r.note(s, "", "%s: resolvers are asked by the host's routes", source)
	}
	host, port, found := strings.Cut(text, "#")
	number := uint64(53)
	a, err := netip.ParseAddr(host)
	if err == nil && found {
		number, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || number == 0 || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
		r.note(s, "list it in dns.upstreams by its address", "%q is no address of a resolver", text)
		return at, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(number)), true
}

// address is address=/NAME…/ADDRESS.
func (r *reader) address(s *setting) {
	parts := strings.Split(s.value, "/")
	a, err := netip.ParseAddr(parts[len(parts)-1])
	if err != nil || len(parts) < 3 || parts[0] != "" {
		r.note(s, "", "%s: only names with an address are carried over", s.value)
		return
	}
	for _, name := range parts[1 : len(parts)-1] {
		if name == "#" || name == "" || strings.Contains(name, "*") {
			r.note(s, "", "%s: an answer for all names is not carried over", s.value)
			continue
		}
		r.addHost(a, name)
		r.note(s, "list the names that are used", "%s gets this address; the names below it do not", name)
	}
}

// hostRecord is host-record=NAME…[,ADDRESS…][,TTL].
func (r *reader) hostRecord(s *setting) {
	var names []string
	var addrs []netip.Addr
	for _, w := range words(s.value) {
		if a, err := netip.ParseAddr(w); err == nil {
			addrs = append(addrs, a)
		} else if _, err := strconv.Atoi(w); err != nil && w != "" {
			names = append(names, w)
		}
	}
	if len(addrs) == 0 || len(names) == 0 {
		r.note(s, "", "%s has no address", s.value)
	}
	for _, a := range addrs {
		r.addHost(a, names...)
	}
}

// hostsOf reads a file, or a folder of files, in the form of /etc/hosts.
func (r *reader) hostsOf(s *setting, name string) {
	list := []string{name}
	if inside := r.files.List(name); len(inside) > 0 {
		list = inside
	}
	r.lines(s, list, func(at *setting, line string) {
		f := strings.Fields(line)
		a, err := netip.ParseAddr(f[0])
		if err != nil || a.Zone() != "" || len(f) < 2 {
			r.note(at, "", "%s: no address with names", line)
			return
		}
		r.addHost(a, f[1:]...)
	})
}

// addHost gives names to an address, in every network.
func (r *reader) addHost(a netip.Addr, names ...string) {
	for _, n := range r.nets {
		i := slices.IndexFunc(n.DNS.Hosts, func(h config.DNSHost) bool { return h.IP == a })
		if i < 0 {
			i = len(n.DNS.Hosts)
			n.DNS.Hosts = append(n.DNS.Hosts, config.DNSHost{IP: a})
		}
		for _, name := range names {
			if name = canonical(name); !slices.Contains(n.DNS.Hosts[i].Names, name) {
				n.DNS.Hosts[i].Names = append(n.DNS.Hosts[i].Names, name)
			}
		}
	}
}
