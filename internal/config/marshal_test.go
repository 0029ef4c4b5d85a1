package config

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Whatever passes Check reads back as it was written.
func TestMarshalRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawNetwork(t)
		if err := want.Check(); err != nil {
			t.Fatalf("the generator made a bad network: %v", err)
		}
		got, err := ParseNetwork(want.Name, want.Marshal())
		if err != nil {
			t.Fatalf("%v\n%s", err, want.Marshal())
		}
		if diff := cmp.Diff(want, got, equal); diff != "" || !want.Equal(got) {
			t.Fatalf("%s\n%s", diff, want.Marshal())
		}
	})
}

func drawNetwork(t *rapid.T) Network {
	n := Default(rapid.StringMatching(`[a-z0-9][a-z0-9_-]{0,9}`).Draw(t, "name"))
	n.Bridge = rapid.StringMatching(`(ubr[0-9]{1,3})?`).Draw(t, "bridge")
	n.MAC = rapid.SampledFrom([]net.HardwareAddr{nil, {0x52, 0x54, 0, 1, 2, 3}}).Draw(t, "mac")
	n.Uplink = rapid.StringMatching(`(eth[0-9])?`).Draw(t, "uplink")
	n.IsolatedPorts = rapid.Bool().Draw(t, "isolated")
	n.MTU = rapid.SampledFrom([]int{0, minMTU, 1500, 9000, maxMTU}).Draw(t, "mtu")
	n.Domain = rapid.StringMatching(`([a-z0-9]{1,5}(\.[a-z]{1,5}){0,2})?`).Draw(t, "domain")
	n.Autostart = rapid.Bool().Draw(t, "autostart")
	n.Ageing = time.Duration(rapid.Int64Range(int64(minAgeing/time.Second), int64(maxAgeing/time.Second)).Draw(t, "ageing")) * time.Second
	n.Stations = rapid.IntRange(minStations, maxLearn).Draw(t, "stations")
	n.LearnLimit = rapid.IntRange(1, maxLearn).Draw(t, "limit")
	n.Ports = distinct(t, `vnet[0-9]{1,3}`, "ports")
	n.GroupForward = distinct(t, `stp|8021x`, "forward")
	for _, name := range distinct(t, `(vnet|tap)[0-9]?[*]`, "adopt") {
		n.Adopt.Devices = append(n.Adopt.Devices, DevicePattern{rapid.SampledFrom([]string{KindTap, KindVeth}).Draw(t, "kind"), name})
	}
	if rapid.Bool().Draw(t, "adopt a MAC") {
		n.Adopt.MACs = []net.HardwareAddr{{0x52, 0x54, 0, 9, 9, 9}}
	}
	n.NAT.Egress = distinct(t, `docker[0-9]|virbr[0-9]`, "egress")
	if rapid.Bool().Draw(t, "pinned") {
		n.Address = netip.MustParsePrefix("10.20.0.1/16")
	}
	drawDHCP(t, &n)
	drawDNS(t, &n)
	if rapid.Bool().Draw(t, "libvirt's ports") {
		n.NAT.Ports = PortRange{1024, 65535}
	} else if first := uint16(rapid.IntRange(1023, 65000).Draw(t, "nat")); first >= 1024 {
		n.NAT.Ports = PortRange{first, first + 500}
	}
	return n
}

func drawDHCP(t *rapid.T, n *Network) {
	n.DHCP.BootFile = rapid.StringMatching(`(/?[!-~][ -~]{0,9})?`).Draw(t, "boot file")
	if n.DHCP.BootFile != "" && rapid.Bool().Draw(t, "boot server") {
		n.DHCP.BootServer = netip.MustParseAddr("10.20.9.9")
	}
	n.DHCP.Enabled = rapid.Bool().Draw(t, "dhcp")
	n.DHCP.LeaseTime = time.Duration(rapid.Int64Range(120, int64(InfiniteLease/time.Second)).Draw(t, "lease")) * time.Second
	for i := range rapid.IntRange(0, 3).Draw(t, "hosts") {
		h := DHCPHost{Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "host") + string(rune('0'+i))}
		if rapid.Bool().Draw(t, "by MAC") {
			h.MAC = net.HardwareAddr{0x52, 0x54, 0, 0, 0, byte(i)}
		} else {
			h.ClientID = []byte{0, byte(i)}
		}
		if n.Pinned() {
			h.IP = addr(10<<24 | 20<<16 | 5<<8 | uint32(i))
		}
		n.DHCP.Hosts = append(n.DHCP.Hosts, h)
	}
	if n.Pinned() {
		for i := range rapid.IntRange(0, 3).Draw(t, "ranges") {
			first := uint32(10<<24 | 20<<16 | (i+1)<<8)
			n.DHCP.Ranges = append(n.DHCP.Ranges, Range{addr(first), addr(first + rapid.Uint32Range(0, 255).Draw(t, "size"))})
		}
	}
}

func drawDNS(t *rapid.T, n *Network) {
	n.DNS.Enabled = rapid.Bool().Draw(t, "dns")
	n.DNS.LocalOnly = n.Domain != "" && rapid.Bool().Draw(t, "local")
	n.DNS.LocalPlain = rapid.Bool().Draw(t, "plain")
	if rapid.Bool().Draw(t, "domains") {
		n.DNS.Domains = []DNSDomain{{"corp.example", []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:53"), netip.MustParseAddrPort("[fe80::9%eth0]:5353")}}, {"a.corp.example", nil}}
		n.DNS.Texts = []DNSText{{"Motto", rapid.StringMatching(`[ -~äö\n\t]{0,40}`).Draw(t, "text")}}
		n.DNS.Services = []DNSService{{"ldap", "tcp", "", "dc.example", rapid.Uint16Range(1, 65535).Draw(t, "port"), rapid.Uint16().Draw(t, "priority"), 0}, {Service: "a", Protocol: "b"}}
	}
	for i, ip := range []string{"192.0.2.1", "2001:db8::1", "fe80::1%eth0"} {
		if rapid.Bool().Draw(t, "upstream") {
			port := rapid.Uint16Range(1, 65535).Draw(t, "port")
			n.DNS.Upstreams = append(n.DNS.Upstreams, netip.AddrPortFrom(netip.MustParseAddr(ip), port))
		}
		if rapid.Bool().Draw(t, "name") {
			n.DNS.Hosts = append(n.DNS.Hosts, DNSHost{IP: addr(uint32(10<<24 + i)), Names: []string{"host", "host.example"}})
		}
	}
}

func distinct(t *rapid.T, pattern, label string) []string {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(pattern), 0, 3, rapid.ID).Draw(t, label)
	if len(names) == 0 {
		return nil
	}
	return names
}
