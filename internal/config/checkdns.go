package config

import "slices"

func (f *faults) checkDNS(n *Network) {
	if n.Domain != "" {
		f.domain("domain", n.Domain)
	}
	if n.DNS.LocalOnly && n.Domain == "" {
		f.add("dns.local_only", "set domain, or leave it out", "there is no domain to keep local")
	}
	for i, up := range n.DNS.Upstreams {
		f.checkUpstream(n, i, up.Addr().IsUnspecified() || up.Addr().IsMulticast() || up.Port() == 0)
	}
	for i, h := range n.DNS.Hosts {
		f.checkDNSHost(element("dns.hosts", i), h)
	}
}

func (f *faults) checkUpstream(n *Network, i int, nobody bool) {
	key, up := element("dns.upstreams", i), n.DNS.Upstreams[i]
	switch {
	case nobody:
		f.add(key, "give a resolver's address", "nobody answers at %v", up)
	case n.Pinned() && up.Addr() == n.Address.Addr():
		f.add(key, "give another resolver", "%v is this network's own gateway", up.Addr())
	case slices.Contains(n.DNS.Upstreams[:i], up):
		f.add(key, "leave one out", "%v is named twice", up)
	}
}

func (f *faults) checkDNSHost(key string, h DNSHost) {
	if !h.IP.IsValid() {
		f.add(key, "give ip", "an entry without an address")
	}
	if len(h.Names) == 0 {
		f.add(key, "give names", "an entry without a name")
	}
	for i, name := range h.Names {
		f.domain(element(key+".names", i), name)
	}
}

func (f *faults) domain(key, name string) {
	if err := checkDomain(name); err != nil {
		f.add(key, `write it as "guests.example"`, "%v", err)
	}
}
