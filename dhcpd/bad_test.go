package dhcpd

import (
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// edit returns a DISCOVER with some bytes set.
func edit(at int, bytes ...byte) []byte {
	req := a.message(dhcpv4.MessageTypeDiscover)
	copy(req[at:], bytes)
	return req
}

func with(code uint8, value string) []byte {
	return a.message(dhcpv4.MessageTypeDiscover, dhcpv4.WithGeneric(dhcpv4.GenericOptionCode(code), []byte(value)))
}

func TestBadRequests(t *testing.T) {
	bootp := a.message(dhcpv4.MessageTypeDiscover, func(p *dhcpv4.DHCPv4) { p.DeleteOption(dhcpv4.OptionDHCPMessageType) })
	tests := []struct {
		name string
		req  []byte
		want Verdict
	}{
		{"empty", nil, Malformed},
		{"cut in the header", edit(0)[:200], Malformed},
		{"cut in the options", edit(0)[:242], Malformed},
		{"wrong cookie", edit(236, 1, 2, 3, 4), Malformed},
		{"a reply", edit(0, 2), NotARequest},
		{"an OFFER", a.message(dhcpv4.MessageTypeOffer), NotARequest},
		{"not Ethernet", edit(1, 6), BadHardware},
		{"hardware address too short", edit(2, 5), BadHardware},
		{"hardware address far too long", edit(2, 255), BadHardware},
		{"no hardware address", edit(28, 0, 0, 0, 0, 0, 0), BadHardware},
		{"group hardware address", edit(28, 0xff), BadHardware},
		{"no message type", bootp, Bootp},
		{"message type of two bytes", with(53, "\x01\x01"), Malformed},
		{"message type 0", with(53, "\x00"), UnsupportedType},
		{"LEASEQUERY", with(53, "\x0a"), UnsupportedType},
		{"requested address of three bytes", with(50, "abc"), Malformed},
		{"server identifier of five bytes", with(54, "abcde"), Malformed},
		{"lease time of two bytes", with(51, "ab"), Malformed},
		{"client identifier of two options", with(61, strings.Repeat("x", 256)), Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, testConfig())
			s.want(s.send(tt.req), tt.want)
			if s.Counters().Verdicts[tt.want] != 1 {
				t.Error("not counted")
			}
		})
	}
}

func TestCountersByMessageType(t *testing.T) {
	s := newServer(t, testConfig())
	addr := s.lease(a)
	s.renew(a, addr)
	s.send(nil)
	got := s.Counters()
	if got.Received[1] != 1 || got.Received[3] != 2 || got.Verdicts[Ack] != 2 || got.Verdicts[Malformed] != 1 {
		t.Errorf("%+v", got)
	}
}

func TestEveryVerdictHasAName(t *testing.T) {
	seen := map[string]bool{}
	for v := range verdictCount {
		if name := v.String(); name == "" || seen[name] {
			t.Errorf("verdict %d is called %q", v, name)
		} else {
			seen[name] = true
		}
	}
}

func TestHostname(t *testing.T) {
	tests := []struct {
		sent, want string
		ok         bool
	}{
		{"web", "web", true},
		{"Web-01", "web-01", true},
		{"my_vm", "my_vm", true},
		{"web.example.com", "web", true},
		{"web\x00", "web", true},
		{"7", "7", true},
		{strings.Repeat("a", 63), strings.Repeat("a", 63), true},
		{strings.Repeat("a", 64), "", false},
		{"", "", false},
		{".", "", false},
		{"*", "", false},
		{"-web", "", false},
		{"web-", "", false},
		{"_web", "", false},
		{"we b", "", false},
		{"web\n", "", false},
		{"wéb", "", false},
		{"localhost", "", false},
		{"LocalHost.localdomain", "", false},
		{"wpad", "", false},
	}
	for _, tt := range tests {
		if got, ok := Hostname(tt.sent); got != tt.want || ok != tt.ok {
			t.Errorf("Hostname(%q) = %q, %v", tt.sent, got, ok)
		}
	}
}

func TestConfigErrorsNameTheField(t *testing.T) {
	tests := []struct {
		want string
		edit func(*Config)
	}{
		{"subnet:", func(c *Config) { c.Subnet = c.Subnet.Masked(); c.Subnet = mustPrefix("fd00::/64") }},
		{"subnet:", func(c *Config) { c.Subnet = mustPrefix("192.0.0.0/7") }},
		{"server:", func(c *Config) { c.Server = ip("10.0.0.1") }},
		{"server:", func(c *Config) { c.Server = ip("192.168.122.255") }},
		{"ranges[0]:", func(c *Config) { c.Ranges[0].Last = ip("192.168.122.255") }},
		{"ranges[0]:", func(c *Config) { c.Ranges[0].First = ip("192.168.121.1") }},
		{"ranges[0]:", func(c *Config) { c.Ranges[0] = Range{ip("192.168.122.9"), ip("192.168.122.8")} }},
		{"ranges[1]:", func(c *Config) {
			c.Ranges = append(c.Ranges, Range{ip("192.168.122.254"), ip("192.168.122.254")})
		}},
		{"router:", func(c *Config) { c.Router = ip("10.0.0.1") }},
		{"dns[0]:", func(c *Config) { c.DNS[0] = ip("::1") }},
		{"dns:", func(c *Config) {
			for range 8 {
				c.DNS = append(c.DNS, c.DNS[0])
			}
		}},
		{"domain:", func(c *Config) { c.Domain = "a..b" }},
		{"mtu:", func(c *Config) { c.MTU = 67 }},
		{"lease time:", func(c *Config) { c.LeaseTime = MinLeaseTime - 1 }},
		{"lease time:", func(c *Config) { c.LeaseTime = MinLeaseTime + 1 }},
		{"hosts[0].mac:", func(c *Config) { c.Hosts = []Host{{IP: ip("192.168.122.9")}} }},
		{"hosts[0].mac:", func(c *Config) { c.Hosts = []Host{{MAC: broadcastMAC}} }},
		{"hosts[0].name:", func(c *Config) { c.Hosts = []Host{{Name: "a.b"}} }},
		{"hosts[0].ip:", func(c *Config) { c.Hosts = []Host{{MAC: mac(1), IP: ip("10.0.0.1")}} }},
		{"hosts[0].ip:", func(c *Config) { c.Hosts = []Host{{MAC: mac(1), IP: c.Server}} }},
		{"hosts[0].lease time:", func(c *Config) { c.Hosts = []Host{{MAC: mac(1), LeaseTime: 1}} }},
		{"hosts[0].client id:", func(c *Config) { c.Hosts = []Host{{ClientID: make([]byte, 256)}} }},
		{"hosts[1]: same mac", func(c *Config) { c.Hosts = []Host{{MAC: mac(1)}, {MAC: mac(1)}} }},
		{"hosts[1]: same name", func(c *Config) { c.Hosts = []Host{{Name: "a"}, {Name: "a"}} }},
		{"hosts[1]: same ip", func(c *Config) {
			c.Hosts = []Host{{Name: "a", IP: ip("192.168.122.9")}, {Name: "b", IP: ip("192.168.122.9")}}
		}},
	}
	for _, tt := range tests {
		cfg := testConfig()
		tt.edit(&cfg)
		_, err := New(cfg, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want one with %q", err, tt.want)
		}
	}
}
