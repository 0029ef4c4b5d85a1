package dhcpd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

var (
	a = guest{mac: mac(1), id: "\x01a"}
	b = guest{mac: mac(2), id: "\x01b"}
	c = guest{mac: mac(3)}
)

var addrEqual = cmpopts.EquateComparable(netip.Addr{})

// TestRFC2131 has one case per rule of the RFC, named after the section.
func TestRFC2131(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		run  func(t *testing.T, s *server)
	}{
		{"4.3.1 the client's current address is offered as recorded in its binding", testConfig(),
			func(t *testing.T, s *server) {
				first := s.lease(a)
				if again := s.discover(a); again.Address != first {
					t.Errorf("offered %v, holds %v", again.Address, first)
				}
			}},
		{"4.3.1 the client's previous address is offered if it is not allocated", testConfig(),
			func(t *testing.T, s *server) {
				wish := ip("192.168.122.77")
				s.want(s.reboot(a, wish), Ack)
				s.now = s.now.Add(3 * time.Hour)
				if got := s.discover(a); got.Address != wish {
					t.Errorf("offered %v, had %v", got.Address, wish)
				}
			}},
		{"4.3.1 the requested address is offered if it is valid and not allocated", testConfig(),
			func(t *testing.T, s *server) {
				wish := ip("192.168.122.99")
				if got := s.discover(a, withRequested(wish)); got.Address != wish {
					t.Errorf("offered %v", got.Address)
				}
				if got := s.discover(b, withRequested(wish)); got.Address == wish {
					t.Error("one address offered to two clients")
				}
				for _, bad := range []string{"192.168.122.1", "192.168.122.255", "10.0.0.1"} {
					if got := s.discover(c, withRequested(ip(bad))); got.Address == ip(bad) {
						t.Errorf("offered %v", bad)
					}
				}
			}},
		{"4.3.2 selecting: the request answers the offer", testConfig(),
			func(t *testing.T, s *server) {
				offer := s.discover(a)
				ack := s.take(a, offer.Address)
				s.want(ack, Ack)
				lease := Lease{offer.Address, a.mac, []byte(a.id), "", start.Add(time.Hour)}
				if diff := cmp.Diff([]Change{{Put, lease}}, ack.Changes, addrEqual); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff([]Lease{lease}, s.Leases(s.now), addrEqual); diff != "" {
					t.Error(diff)
				}
			}},
		{"4.3.2 selecting: another server's identifier declines our offer", rangeOf("192.168.122.5", "192.168.122.5"),
			func(t *testing.T, s *server) {
				s.want(s.discover(a), Offer)
				s.want(s.discover(b), PoolExhausted)
				s.want(s.send(a.message(dhcpv4.MessageTypeRequest,
					withServer("192.168.122.9"), withRequested(ip("192.168.122.8")))), NotForUs)
				s.want(s.discover(b), Offer)
			}},
		{"4.3.2 init-reboot: the recorded address is acknowledged", testConfig(),
			func(t *testing.T, s *server) {
				s.want(s.reboot(a, s.lease(a)), Ack)
			}},
		{"4.3.2 init-reboot: NAK if the client is on the wrong network", testConfig(),
			func(t *testing.T, s *server) {
				nak := s.reboot(a, ip("10.1.2.3"))
				s.want(nak, Nak)
				p := s.decode(nak)
				if p.MessageType() != dhcpv4.MessageTypeNak || !p.YourIPAddr.IsUnspecified() {
					t.Errorf("not a NAK: %v", p.Summary())
				}
				if nak.DstIP != broadcastIP || nak.DstMAC != broadcastMAC || nak.DstPort != 68 {
					t.Errorf("NAK goes to %v %x %d", nak.DstIP, nak.DstMAC, nak.DstPort)
				}
			}},
		{"4.3.2 init-reboot: NAK if the client's notion of its address is wrong", testConfig(),
			func(t *testing.T, s *server) {
				s.lease(a)
				s.want(s.reboot(a, ip("192.168.122.200")), Nak)
			}},
		{"4.3.2 init-reboot: the only server acknowledges a free address to an unknown client", testConfig(),
			func(t *testing.T, s *server) {
				s.want(s.reboot(a, ip("192.168.122.33")), Ack)
				s.want(s.reboot(b, ip("192.168.122.33")), Nak)
				s.want(s.reboot(b, s.cfg.Server), Nak)
			}},
		{"4.3.2 renewing: the lease is extended and the ACK is unicast to ciaddr", testConfig(),
			func(t *testing.T, s *server) {
				addr := s.lease(a)
				s.now = s.now.Add(30 * time.Minute)
				ack := s.renew(a, addr)
				s.want(ack, Ack)
				if ack.DstIP != addr || ack.DstMAC != a.mac {
					t.Errorf("ACK goes to %v %x", ack.DstIP, ack.DstMAC)
				}
				if got, want := s.held(addr).Expires, s.now.Add(time.Hour); !got.Equal(want) {
					t.Errorf("expires %v, want %v", got, want)
				}
			}},
		{"4.3.2 renewing: a server identifier all the same changes nothing", testConfig(),
			func(t *testing.T, s *server) {
				s.want(s.renew(a, s.lease(a), withServer("192.168.122.1")), Ack)
			}},
		{"4.3.2 rebinding: NAK for another client's address", testConfig(),
			func(t *testing.T, s *server) {
				s.want(s.renew(b, s.lease(a)), Nak)
			}},
		{"4.3.2 a request without any address is malformed", testConfig(),
			func(t *testing.T, s *server) {
				s.want(s.send(a.message(dhcpv4.MessageTypeRequest)), Malformed)
			}},
		{"4.3.3 a declined address is marked as not available", rangeOf("192.168.122.5", "192.168.122.5"),
			func(t *testing.T, s *server) {
				addr := s.lease(a)
				got := s.declines(a, addr)
				s.want(got, Declined)
				if len(got.Changes) != 1 || got.Changes[0].Kind != Remove {
					t.Errorf("changes %v", got.Changes)
				}
				s.now = s.now.Add(599 * time.Second)
				s.want(s.discover(a), PoolExhausted)
				s.want(s.reboot(a, addr), Nak)
				s.now = s.now.Add(time.Second)
				s.want(s.discover(a), Offer)
			}},
		{"4.3.3 only the holder of a lease can decline it", testConfig(),
			func(t *testing.T, s *server) {
				addr := s.lease(a)
				s.want(s.declines(b, addr), NotHolder)
				s.want(s.declines(b, ip("192.168.122.50")), NotHolder)
				s.want(s.declines(b, s.discover(b).Address), NotHolder)
				s.want(s.send(a.message(dhcpv4.MessageTypeDecline)), Malformed)
			}},
		{"4.3.4 a released address is free, and its holder's to have back", testConfig(),
			func(t *testing.T, s *server) {
				addr := s.lease(a)
				got := s.releases(a, addr)
				s.want(got, Released)
				if len(got.Changes) != 1 || got.Changes[0].Kind != Release || got.Changes[0].Lease.Live(s.now) {
					t.Errorf("changes %v", got.Changes)
				}
				if len(s.Leases(s.now)) != 0 {
					t.Error("still on lease")
				}
				if back := s.discover(a); back.Address != addr {
					t.Errorf("offered %v, had %v", back.Address, addr)
				}
			}},
		{"4.3.4 only the holder of a lease can release it", testConfig(),
			func(t *testing.T, s *server) {
				addr := s.lease(a)
				s.want(s.releases(b, addr), NotHolder)
				s.want(s.releases(a, ip("192.168.122.250")), NotHolder)
				s.want(s.send(a.message(dhcpv4.MessageTypeRelease)), Malformed)
				s.want(s.send(a.message(dhcpv4.MessageTypeRelease, withServer("192.168.122.7"), withCiaddr(addr))), NotForUs)
				if s.held(addr).IP != addr {
					t.Error("lease is gone")
				}
			}},
		{"4.3.5 INFORM is answered to ciaddr without a lease", testConfig(),
			func(t *testing.T, s *server) {
				own := ip("192.168.122.40")
				ack := s.send(a.message(dhcpv4.MessageTypeInform, withCiaddr(own)))
				s.want(ack, Ack)
				p := s.decode(ack)
				for _, code := range []dhcpv4.OptionCode{dhcpv4.OptionIPAddressLeaseTime,
					dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue} {
					if p.Options.Has(code) {
						t.Errorf("carries %v", code)
					}
				}
				if !p.YourIPAddr.IsUnspecified() || ack.DstIP != own || ack.DstMAC != a.mac || len(ack.Changes) != 0 {
					t.Errorf("yiaddr %v, to %v %x, changes %v", p.YourIPAddr, ack.DstIP, ack.DstMAC, ack.Changes)
				}
				s.want(s.send(a.message(dhcpv4.MessageTypeInform)), Malformed)
				s.want(s.send(a.message(dhcpv4.MessageTypeInform, withCiaddr(ip("10.0.0.4")))), ForeignSubnet)
			}},
		{"3.3 a lease time of all ones is infinite", infinite(),
			func(t *testing.T, s *server) {
				addr := s.lease(a)
				s.now = s.now.AddDate(100, 0, 0)
				if l := s.held(addr); l.IP != addr || !l.Expires.IsZero() {
					t.Errorf("lease %+v", l)
				}
				p := s.decode(s.renew(a, addr))
				if got := p.Options.Get(dhcpv4.OptionIPAddressLeaseTime); string(got) != "\xff\xff\xff\xff" {
					t.Errorf("lease time % x", got)
				}
				if p.Options.Has(dhcpv4.OptionRenewTimeValue) {
					t.Error("asks for a renewal")
				}
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, newServer(t, tt.cfg)) })
	}
}

func infinite() Config {
	cfg := testConfig()
	cfg.LeaseTime = InfiniteLease
	return cfg
}

// TestDestination is RFC 2131 §4.1, on where a server sends its replies.
func TestDestination(t *testing.T) {
	relay := func(a string) dhcpv4.Modifier { return dhcpv4.WithGatewayIP(netIP(ip(a))) }
	tests := []struct {
		name    string
		mods    []dhcpv4.Modifier
		wantMAC [6]byte
		wantIP  netip.Addr // invalid: the offered address
		port    uint16
	}{
		{"unicast to yiaddr and chaddr", nil, a.mac, netip.Addr{}, 68},
		{"broadcast bit", []dhcpv4.Modifier{dhcpv4.WithBroadcast(true)}, broadcastMAC, broadcastIP, 68},
		{"ciaddr before the broadcast bit",
			[]dhcpv4.Modifier{withCiaddr(ip("192.168.122.60")), dhcpv4.WithBroadcast(true)}, a.mac, ip("192.168.122.60"), 68},
		{"ciaddr of another network", []dhcpv4.Modifier{withCiaddr(ip("10.0.0.1"))}, a.mac, netip.Addr{}, 68},
		{"giaddr before all", []dhcpv4.Modifier{relay("192.168.122.3"), dhcpv4.WithBroadcast(true)}, [6]byte{}, ip("192.168.122.3"), 67},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, testConfig())
			got := s.discover(a, tt.mods...)
			s.want(got, Offer)
			want := tt.wantIP
			if !want.IsValid() {
				want = got.Address
			}
			if got.DstMAC != tt.wantMAC || got.DstIP != want || got.DstPort != tt.port {
				t.Errorf("goes to %x %v %d", got.DstMAC, got.DstIP, got.DstPort)
			}
		})
	}
	s := newServer(t, testConfig())
	s.want(s.discover(a, relay("10.0.0.1")), ForeignRelay)
	nak := s.reboot(a, ip("10.9.9.9"), relay("192.168.122.3"))
	s.want(nak, Nak)
	if p := s.decode(nak); nak.DstIP != ip("192.168.122.3") || nak.DstPort != 67 || !p.IsBroadcast() {
		t.Errorf("relayed NAK goes to %v %d, broadcast %v", nak.DstIP, nak.DstPort, p.IsBroadcast())
	}
}
