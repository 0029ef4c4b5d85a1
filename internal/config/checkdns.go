package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

func (f *faults) checkDNS(n *Network) {
	if n.Domain != "" {
		f.domain("domain", n.Domain)
	}
	if n.DNS.LocalOnly && n.Domain == "" {
		f.add("dns.local_only", "set domain, or leave it out", "there is no domain to keep local")
	}
	for i := range n.DNS.Upstreams {
		f.checkUpstream(n, element("dns.upstreams", i), n.DNS.Upstreams, i)
	}
	for i, h := range n.DNS.Hosts {
		f.checkDNSHost(element("dns.hosts", i), h)
	}
	f.checkDomains(n)
	for i, t := range n.DNS.Texts {
		f.checkText(element("dns.txt", i), t)
	}
	for i, s := range n.DNS.Services {
		f.checkService(element("dns.srv", i), s, n.Domain)
	}
}

// checkDomains wants each domain once, with resolvers that can be asked.
func (f *faults) checkDomains(n *Network) {
	for i, z := range n.DNS.Domains {
		key := element("dns.domains", i)
		f.domain(key+".name", z.Name)
		if slices.ContainsFunc(n.DNS.Domains[:i], func(o DNSDomain) bool { return o.Name == z.Name }) {
			f.add(key+".name", "put the resolvers together", "%s is named twice", z.Name)
		}
		for j := range z.Upstreams {
			f.checkUpstream(n, element(key+".upstreams", j), z.Upstreams, j)
		}
	}
}

// maxText bounds a TXT record, which has to fit in an answer beside others.
const maxText = 4096

func (f *faults) checkText(key string, t DNSText) {
	f.recordName(key+".name", t.Name)
	if len(t.Value) > maxText {
		f.add(key+".value", fmt.Sprintf("use at most %d bytes", maxText), "%d bytes", len(t.Value))
	}
}

func (f *faults) checkService(key string, s DNSService, domain string) {
	f.serviceWord(key+".service", s.Service)
	f.serviceWord(key+".protocol", s.Protocol)
	f.recordName(key, s.Owner(domain))
	switch {
	case s.Target == ".":
	case s.Target != "":
		f.domain(key+".target", s.Target)
		if s.Port == 0 {
			f.add(key+".port", "use 1 to 65535", "nothing listens on port 0")
		}
	case s.Port|s.Priority|s.Weight != 0:
		f.add(key, "give target, or leave them out", "port, priority or weight of no target")
	}
}

func (f *faults) serviceWord(key, word string) {
	if word == "" || strings.Contains(word, ".") {
		f.add(key, `write service = "ldap", protocol = "tcp"`, "%q is no label of a service's name", word)
	}
}

// recordName wants a name that is no longer than names can be; its labels may hold
// anything but spaces and commas, as in libvirt.
func (f *faults) recordName(key, name string) {
	bad := len(name) > maxDomain || strings.ContainsAny(name, " ,")
	for label := range strings.SplitSeq(name, ".") {
		bad = bad || label == "" || len(label) > maxLabel
	}
	if bad {
		f.add(key, `write it as "motto.guests.example"`, "%q is no name of a record", name)
	}
}

// checkUpstream checks the resolver i of a list.
func (f *faults) checkUpstream(n *Network, key string, list []netip.AddrPort, i int) {
	up := list[i]
	switch {
	case up.Addr().IsUnspecified() || up.Addr().IsMulticast() || up.Port() == 0:
		f.add(key, "give a resolver's address", "nobody answers at %v", up)
	case n.Pinned() && up.Addr() == n.Address.Addr():
		f.add(key, "give another resolver", "%v is this network's own gateway", up.Addr())
	case slices.Contains(list[:i], up):
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
