package config

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Marshal writes the definition as a file of networks.d. What the model decides
// by a default is written too, so that the file means the same when defaults
// change. ParseNetwork reads it back as a Network that is Equal.
func (n Network) Marshal() []byte {
	doc, err := toml.Marshal(n.raw())
	if err != nil {
		panic(fmt.Sprintf("config: marshal network %s: %v", n.Name, err)) // strings, numbers and lists of them only
	}
	return doc
}

func (n Network) raw() rawNetwork {
	return rawNetwork{
		Mode:       given(string(n.Mode)),
		Bridge:     given(n.Bridge),
		MAC:        given(n.MAC.String()),
		Address:    prefixText(n.Address),
		Uplink:     given(n.Uplink),
		Isolated:   truth(n.IsolatedPorts),
		MTU:        number64(n.MTU),
		Domain:     given(n.Domain),
		UUID:       given(n.UUID),
		Autostart:  &n.Autostart,
		Ageing:     given(n.Ageing.String()),
		Stations:   number64(n.Stations),
		LearnLimit: number64(n.LearnLimit),
		Ports:      n.Ports,
		Forward:    n.GroupForward,
		Adopt:      n.Adopt.deviceTexts(),
		AdoptMACs:  n.Adopt.macTexts(),
		FastPath:   given(string(n.FastPath)),
		DHCP:       n.DHCP.raw(),
		DNS:        n.DNS.raw(),
		NAT:        rawNAT{Egress: n.NAT.Egress, Ports: given(n.NAT.Ports.String())},
		Libvirt:    rawLibvirt{Kept: n.Kept},
	}
}

func (d DHCP) raw() rawDHCP {
	r := rawDHCP{Enabled: &d.Enabled, Reserved: truth(d.ReservedOnly), LeaseTime: given(leaseText(d.LeaseTime))}
	r.Boot, r.From = given(d.BootFile), addrText(d.BootServer)
	for _, pool := range d.Ranges {
		r.Ranges = append(r.Ranges, pool.String())
	}
	for _, h := range d.Hosts {
		host := rawDHCPHost{
			MAC: given(h.MAC.String()), ClientID: given(hex.EncodeToString(h.ClientID)),
			IP: addrText(h.IP), Name: given(h.Name),
		}
		if h.LeaseTime != 0 {
			host.Lease = given(leaseText(h.LeaseTime))
		}
		r.Hosts = append(r.Hosts, host)
	}
	return r
}

func (d DNS) raw() rawDNS {
	r := rawDNS{Enabled: &d.Enabled, LocalOnly: &d.LocalOnly}
	for _, up := range d.Upstreams {
		r.Upstreams = append(r.Upstreams, up.String())
	}
	for _, h := range d.Hosts {
		r.Hosts = append(r.Hosts, rawDNSHost{IP: addrText(h.IP), Names: h.Names})
	}
	r.LocalPlain = truth(d.LocalPlain)
	for _, z := range d.Domains {
		domain := rawDNSDomain{Name: given(z.Name)}
		for _, up := range z.Upstreams {
			domain.Upstreams = append(domain.Upstreams, up.String())
		}
		r.Domains = append(r.Domains, domain)
	}
	for _, t := range d.Texts {
		r.Texts = append(r.Texts, rawDNSText{Name: given(t.Name), Value: &t.Value})
	}
	for _, s := range d.Services {
		r.Services = append(r.Services, rawDNSService{
			Service: given(s.Service), Protocol: given(s.Protocol), Domain: given(s.Domain), Target: given(s.Target),
			Port: number64(int(s.Port)), Priority: number64(int(s.Priority)), Weight: number64(int(s.Weight)),
		})
	}
	return r
}

// String is the form of the configuration, FIRST-LAST; empty for no range.
func (r PortRange) String() string {
	if r == (PortRange{}) {
		return ""
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

func leaseText(d time.Duration) string {
	if d == InfiniteLease {
		return "infinite"
	}
	return d.String()
}

// given is nil for the empty string, so that the key is left out.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// truth is nil for false, so that the key is left out.
func truth(b bool) *bool {
	if !b {
		return nil
	}
	return &b
}

func number64(n int) *int64 {
	if n == 0 {
		return nil
	}
	v := int64(n)
	return &v
}

func addrText(a netip.Addr) *string {
	if !a.IsValid() {
		return nil
	}
	return given(a.String())
}

func prefixText(p netip.Prefix) *string {
	if !p.IsValid() {
		return nil
	}
	return given(p.String())
}
