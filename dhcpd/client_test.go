package dhcpd

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// start is when every test begins: a whole second, as expiries are.
var start = time.Unix(1_800_000_000, 0).UTC()

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func netIP(a netip.Addr) net.IP { return net.IP(a.AsSlice()) }

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func mac(n byte) [6]byte { return [6]byte{0x52, 0x54, 0, 0, 0, n} }

// testConfig is libvirt's default network.
func testConfig() Config {
	return Config{
		Server: ip("192.168.122.1"),
		Subnet: netip.MustParsePrefix("192.168.122.0/24"),
		Ranges: []Range{{ip("192.168.122.2"), ip("192.168.122.254")}},
		Router: ip("192.168.122.1"),
		DNS:    []netip.Addr{ip("192.168.122.1")},
	}
}

// rangeOf is the test configuration with a pool of first to last.
func rangeOf(first, last string) Config {
	cfg := testConfig()
	cfg.Ranges = []Range{{ip(first), ip(last)}}
	return cfg
}

// server is an engine with a clock.
type server struct {
	t *testing.T
	*Engine
	now time.Time
}

func newServer(t *testing.T, cfg Config, leases ...Lease) *server {
	t.Helper()
	e, err := New(cfg, leases)
	if err != nil {
		t.Fatal(err)
	}
	e.Expire(start)
	return &server{t, e, start}
}

// guest is a client: its hardware address and, maybe, identifier.
type guest struct {
	mac [6]byte
	id  string
}

// message builds a request; mods fill in the rest.
func (g guest) message(kind dhcpv4.MessageType, mods ...dhcpv4.Modifier) []byte {
	p := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootRequest,
		HWType:        1,
		TransactionID: dhcpv4.TransactionID{1, 2, 3, 4},
		ClientHWAddr:  g.mac[:],
		Options:       dhcpv4.Options{},
	}
	p.UpdateOption(dhcpv4.OptMessageType(kind))
	if g.id != "" {
		p.UpdateOption(dhcpv4.OptClientIdentifier([]byte(g.id)))
	}
	for _, mod := range mods {
		mod(p)
	}
	return p.ToBytes()
}

func withServer(a string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(a)))
}

func withRequested(a netip.Addr) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(netIP(a)))
}

func withCiaddr(a netip.Addr) dhcpv4.Modifier { return dhcpv4.WithClientIP(netIP(a)) }

func withName(name string) dhcpv4.Modifier { return dhcpv4.WithOption(dhcpv4.OptHostName(name)) }

func (s *server) send(req []byte) Result { return s.Handle(s.now, req) }

func (s *server) discover(g guest, mods ...dhcpv4.Modifier) Result {
	return s.send(g.message(dhcpv4.MessageTypeDiscover, mods...))
}

// take answers an offer of addr.
func (s *server) take(g guest, addr netip.Addr, mods ...dhcpv4.Modifier) Result {
	mods = append(mods, withServer("192.168.122.1"), withRequested(addr))
	return s.send(g.message(dhcpv4.MessageTypeRequest, mods...))
}

func (s *server) reboot(g guest, addr netip.Addr, mods ...dhcpv4.Modifier) Result {
	return s.send(g.message(dhcpv4.MessageTypeRequest, append(mods, withRequested(addr))...))
}

func (s *server) renew(g guest, addr netip.Addr, mods ...dhcpv4.Modifier) Result {
	return s.send(g.message(dhcpv4.MessageTypeRequest, append(mods, withCiaddr(addr))...))
}

func (s *server) declines(g guest, addr netip.Addr) Result {
	return s.send(g.message(dhcpv4.MessageTypeDecline, withServer("192.168.122.1"), withRequested(addr)))
}

func (s *server) releases(g guest, addr netip.Addr) Result {
	return s.send(g.message(dhcpv4.MessageTypeRelease, withServer("192.168.122.1"), withCiaddr(addr)))
}

// lease takes a guest from DISCOVER to ACK and returns its address.
func (s *server) lease(g guest, mods ...dhcpv4.Modifier) netip.Addr {
	s.t.Helper()
	offer := s.discover(g, mods...)
	s.want(offer, Offer)
	ack := s.take(g, offer.Address, mods...)
	s.want(ack, Ack)
	if ack.Address != offer.Address {
		s.t.Fatalf("offered %v, acknowledged %v", offer.Address, ack.Address)
	}
	return ack.Address
}

func (s *server) want(r Result, v Verdict) {
	s.t.Helper()
	if r.Verdict != v {
		s.t.Fatalf("verdict %v (%v, %q), want %v", r.Verdict, r.Address, r.Reason, v)
	}
	if hasReply := r.Reply != nil; hasReply != (v == Offer || v == Ack || v == Nak) {
		s.t.Fatalf("verdict %v with a reply: %v", v, hasReply)
	}
}

func (s *server) decode(r Result) *dhcpv4.DHCPv4 {
	s.t.Helper()
	p, err := dhcpv4.FromBytes(r.Reply)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// held returns the live lease of an address, or the zero Lease.
func (s *server) held(addr netip.Addr) Lease {
	for _, l := range s.Leases(s.now) {
		if l.IP == addr {
			return l
		}
	}
	return Lease{}
}
