package dnsmasq

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ubridge/internal/config"
)

// Codes of DHCP options (RFC 2132, RFC 3442).
const (
	optNetmask = 1
	optRouter  = 3
	optDNS     = 6
	optDomain  = 15
	optMTU     = 26
	optBcast   = 28
)

var optionNames = map[string]int{
	"netmask": optNetmask, "router": optRouter, "dns-server": optDNS, "domain-name": optDomain, "mtu": optMTU, "broadcast": optBcast,
}

// dhcpOption is one dhcp-option.
type dhcpOption struct {
	tags   []string
	code   int    // 0: one without a code here
	name   string // as it is written
	values []string
}

// readOption reads [TAG…,]CODE|option:NAME[,VALUE…].
func readOption(value string) (o dhcpOption, ok bool) {
	list := words(value)
	for len(list) > 0 && (tagged(list[0]) || foreign(list[0])) {
		o.tags = append(o.tags, list[0])
		list = list[1:]
	}
	if len(list) == 0 {
		return o, false
	}
	o.name, o.values = list[0], list[1:]
	if len(o.values) == 1 && o.values[0] == "" {
		o.values = nil
	}
	name, named := strings.CutPrefix(o.name, "option:")
	if named {
		o.code = optionNames[name]
	} else if code, err := strconv.Atoi(o.name); err == nil {
		o.code = code
	}
	return o, true
}

// foreign reports whether an option is one of a vendor's, or wrapped in one.
func foreign(word string) bool {
	for _, p := range []string{"vendor:", "encap:", "vi-encap:", "option6:"} {
		if strings.HasPrefix(word, p) {
			return true
		}
	}
	return false
}

// option applies an option to the networks that it is for.
func (r *reader) option(s *setting) {
	o, ok := readOption(s.value)
	if !ok {
		r.note(s, "", "%s is an option without a code", s.value)
		return
	}
	var device string
	if len(o.tags) == 1 { // dnsmasq sets a tag named as the interface
		device = strings.TrimPrefix(o.tags[0], "tag:")
	}
	applied := false
	for _, n := range r.nets {
		if len(o.tags) == 0 || device != "" && device == n.device {
			r.apply(s, n, o)
			applied = true
		}
	}
	if !applied {
		r.note(s, "", "%s: options for a tag, a vendor or IPv6 are not carried over", s.value)
	}
}

// apply takes an option of one network.
func (r *reader) apply(s *setting, n *served, o dhcpOption) {
	at := s.at(n.Name)
	switch o.code {
	case optNetmask, optBcast: // of the address
	case optRouter:
		r.router(s, n, o.values)
	case optDNS:
		r.resolvers(s, n, o.values)
	case optDomain:
		if len(o.values) == 1 {
			n.Domain = strings.ToLower(strings.TrimSuffix(o.values[0], "."))
		}
	case optMTU:
		v, err := strconv.Atoi(list0(o.values))
		if err != nil {
			r.plan.Note(at, s.key, "set mtu", "%s is no MTU", s.value)
			return
		}
		n.MTU = v
	default:
		r.plan.Note(at, s.key, "", "option %s is not given to guests", o.name)
	}
}

// router is option 3: none means that guests do not leave the network.
func (r *reader) router(s *setting, n *served, values []string) {
	if len(values) == 0 {
		n.Mode = config.ModeIsolated
		r.plan.Note(s.at(n.Name), s.key, "", "guests are told of no router: mode isolated")
		return
	}
	for _, v := range values {
		if a, err := netip.ParseAddr(v); err != nil || a != n.Address.Addr() && !a.IsUnspecified() {
			r.plan.Note(s.at(n.Name), s.key, "", "guests are routed by %v, not by %s", n.Address.Addr(), v)
		}
	}
}

// resolvers is option 6. Guests of ubridge ask the gateway; others that they were
// told of are asked by it.
func (r *reader) resolvers(s *setting, n *served, values []string) {
	for _, v := range values {
		a, err := netip.ParseAddr(v)
		if err == nil && (a == n.Address.Addr() || a.IsUnspecified()) {
			continue
		}
		if err != nil {
			r.plan.Note(s.at(n.Name), s.key, "set dns.upstreams", "%q is no address", v)
			continue
		}
		n.DNS.Enabled = true
		n.addUpstream(netip.AddrPortFrom(a.Unmap(), 53))
		r.plan.Note(s.at(n.Name), s.key, "", "guests ask %v, which asks %v for them", n.Address.Addr(), a)
	}
}

// addUpstream takes a resolver, once.
func (n *served) addUpstream(a netip.AddrPort) {
	if !slices.Contains(n.DNS.Upstreams, a) {
		n.DNS.Upstreams = append(n.DNS.Upstreams, a)
	}
}
