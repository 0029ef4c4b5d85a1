package dhcpd

import (
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func TestNames(t *testing.T) {
	cfg := testConfig()
	cfg.Hosts = []Host{{MAC: mac(9), Name: "db", IP: ip("192.168.122.9")}}
	s := newServer(t, cfg)
	name := func(addr netip.Addr) string { return s.held(addr).Hostname }

	x := s.lease(a, withName("Web.example"))
	y := s.lease(b, withName("db"))
	if name(x) != "web" || name(y) != "" {
		t.Errorf("names %q %q, want web and none: db is reserved", name(x), name(y))
	}
	y2 := s.take(b, y, withName("web"))
	s.want(y2, Ack)
	if name(x) != "" || name(y) != "web" {
		t.Errorf("names %q %q: the newest holder wins", name(x), name(y))
	}
	if len(y2.Changes) != 2 || y2.Changes[0].Lease.IP != x || y2.Changes[0].Lease.Hostname != "" {
		t.Errorf("changes %v, want the loser's lease first", y2.Changes)
	}
	s.renew(a, x, withName("web"))
	if name(x) != "" || name(y) != "web" {
		t.Errorf("names %q %q: a renewal took a name", name(x), name(y))
	}
	s.renew(b, y)
	if name(y) != "web" {
		t.Error("a renewal without a name lost it")
	}
	s.renew(b, y, withName("bad name"))
	if name(y) != "web" {
		t.Error("a renewal with a bad name lost the good one")
	}
	s.releases(b, y)
	s.renew(a, x, withName("web"))
	if name(x) != "web" {
		t.Error("a name that became free was not given")
	}
	if z := s.lease(guest{mac: mac(9)}, withName("other")); z != ip("192.168.122.9") || name(z) != "db" {
		t.Errorf("reserved host is %q at %v", name(z), z)
	}
	s.lease(b, withName("hidden"))
	if got := s.lease(b, dhcpv4.WithBroadcast(true)); name(got) != "hidden" {
		t.Error("a restart without a name lost it")
	}
}

func TestReservedName(t *testing.T) {
	cfg := testConfig()
	cfg.Hosts = []Host{{ClientID: []byte("\xffsame"), Name: "db", IP: ip("192.168.122.9")}}
	s := newServer(t, cfg)
	original, clone := guest{mac(1), "\xffsame"}, guest{mac(2), "\xffsame"}
	x, y := s.lease(original), s.lease(clone)
	if x != ip("192.168.122.9") || s.held(x).Hostname != "db" || s.held(y).Hostname != "" {
		t.Errorf("original %+v, clone %+v", s.held(x), s.held(y))
	}
	s = newServer(t, cfg, s.Records()...)
	if s.held(x).Hostname != "db" {
		t.Error("the reserved host lost its name over a restart")
	}
}
