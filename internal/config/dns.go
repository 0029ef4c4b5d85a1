package config

import "strings"

// Conversion of the name service.

func (f *faults) dns(raw *rawDNS, d *DNS) {
	set(raw.Enabled, &d.Enabled)
	d.Upstreams = f.upstreams("dns.upstreams", raw.Upstreams)
	set(raw.LocalOnly, &d.LocalOnly)
	set(raw.LocalPlain, &d.LocalPlain)
	for i := range raw.Hosts {
		key, h := element("dns.hosts", i), DNSHost{}
		f.addr(key+".ip", raw.Hosts[i].IP, &h.IP)
		for _, name := range raw.Hosts[i].Names {
			h.Names = append(h.Names, strings.ToLower(strings.TrimSuffix(name, ".")))
		}
		d.Hosts = append(d.Hosts, h)
	}
	if f.tooLong("dns.domains", len(raw.Domains)) {
		return
	}
	for i := range raw.Domains {
		key, z := element("dns.domains", i), DNSDomain{}
		f.name(key+".name", raw.Domains[i].Name, &z.Name)
		z.Upstreams = f.upstreams(key+".upstreams", raw.Domains[i].Upstreams)
		d.Domains = append(d.Domains, z)
	}
	for i := range raw.Texts {
		key, t := element("dns.txt", i), DNSText{}
		f.text(key+".name", raw.Texts[i].Name, &t.Name)
		set(raw.Texts[i].Value, &t.Value)
		d.Texts = append(d.Texts, t)
	}
	for i := range raw.Services {
		d.Services = append(d.Services, f.service(element("dns.srv", i), &raw.Services[i]))
	}
}

func (f *faults) service(key string, raw *rawDNSService) (s DNSService) {
	f.text(key+".service", raw.Service, &s.Service)
	f.text(key+".protocol", raw.Protocol, &s.Protocol)
	f.name(key+".domain", raw.Domain, &s.Domain)
	if raw.Target != nil && *raw.Target == "." {
		s.Target = "."
	} else if f.name(key+".target", raw.Target, &s.Target); s.Target != "" {
		s.Port = 1 // as dnsmasq
	}
	f.number16(key+".port", raw.Port, &s.Port)
	f.number16(key+".priority", raw.Priority, &s.Priority)
	f.number16(key+".weight", raw.Weight, &s.Weight)
	return s
}

func (f *faults) number16(key string, raw *int64, to *uint16) {
	n := int(*to)
	f.integer(key, raw, &n, 0, 65535)
	*to = uint16(n)
}
