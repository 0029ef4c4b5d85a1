package dnsfwd

import (
	"net/netip"
	"strings"
)

// A Zone is a domain whose names are asked of resolvers of its own.
type Zone struct {
	// Domain is without dots at its ends.
	Domain string
	// Upstreams are asked in this order; none is the common ones, for a domain
	// within one that has others (dnsmasq's server=/DOMAIN/#).
	Upstreams []netip.AddrPort
}

// zone is a Zone in use.
type zone struct {
	name    string // folded wire form
	servers []*server
}

// served reports whether a zone has resolvers of its own; nil has none.
func (z *zone) served() bool { return z != nil && len(z.servers) > 0 }

// newZones makes the configured zones; a resolver of several is one server.
func (f *Forwarder) newZones() (zones []*zone) {
	for _, c := range f.cfg.Zones {
		name, ok := packName(strings.Trim(c.Domain, "."))
		if !ok {
			continue
		}
		z := &zone{name: name}
		for _, a := range c.Upstreams {
			a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
			if len(z.servers) == maxUpstreams || !f.usable(a) || find(z.servers, a) != nil {
				continue
			}
			s := find(allServers(zones), a)
			if s == nil {
				s = &server{addr: a}
			}
			z.servers = append(z.servers, s)
		}
		zones = append(zones, z)
	}
	return zones
}

func allServers(zones []*zone) (all []*server) {
	for _, z := range zones {
		all = append(all, z.servers...)
	}
	return all
}

// server finds an upstream among the common ones and those of zones.
func (f *Forwarder) server(a netip.AddrPort) *server {
	if s := find(f.servers, a); s != nil {
		return s
	}
	for _, z := range f.zones {
		if s := find(z.servers, a); s != nil {
			return s
		}
	}
	return nil
}

// zoneOf is the longest zone that a folded wire name lies in, nil for none.
func (f *Forwarder) zoneOf(name []byte) (longest *zone) {
	for _, z := range f.zones {
		if hasZone(name, z.name) && (longest == nil || len(z.name) > len(longest.name)) {
			longest = z
		}
	}
	return longest
}

// serversOf are the upstreams of a zone; of none, and of one that has none, the
// common ones.
func (f *Forwarder) serversOf(z *zone) []*server {
	if !z.served() {
		return f.servers
	}
	return z.servers
}
