package dhcpd

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// manyGuest is one of 2^32 hardware addresses.
func manyGuest(n int) guest {
	g := guest{mac: [6]byte{0x02}}
	binary.BigEndian.PutUint32(g.mac[2:], uint32(n))
	return g
}

func TestOneClientTypeMayLeaseTheWholePool(t *testing.T) {
	cfg := testConfig()
	cfg.Ranges = nil // all host addresses but the server's
	s := newServer(t, cfg)
	for n := range 253 {
		s.lease(manyGuest(n))
	}
	if got := len(s.Leases(s.now)); got != 253 {
		t.Errorf("%d leases", got)
	}
	if s.held(cfg.Server).IP.IsValid() {
		t.Error("leased the server's address")
	}
	s.want(s.discover(manyGuest(253)), PoolExhausted)
}

func TestServerAndRouterAreNotLeased(t *testing.T) {
	cfg := rangeOf("192.168.122.1", "192.168.122.3")
	cfg.Router = ip("192.168.122.2")
	s := newServer(t, cfg)
	if got := s.lease(a); got != ip("192.168.122.3") {
		t.Errorf("leased %v", got)
	}
	s.want(s.discover(b), PoolExhausted)
}

func TestSmallSubnets(t *testing.T) {
	for prefix, want := range map[string]Verdict{"10.0.0.0/30": Offer, "10.0.0.0/31": Offer, "10.0.0.1/32": PoolExhausted} {
		cfg := Config{Server: ip("10.0.0.1"), Subnet: mustPrefix(prefix)}
		if got := newServer(t, cfg).discover(a); got.Verdict != want {
			t.Errorf("%s: %v", prefix, got.Verdict)
		}
	}
}

func TestAddressSurvivesTotalLossOfMemory(t *testing.T) {
	first, again := newServer(t, testConfig()), newServer(t, testConfig())
	again.lease(manyGuest(1))
	if x, y := first.lease(a), again.lease(a); x != y {
		t.Errorf("%v, then %v", x, y)
	}
}

// Fresh addresses go first, then the longest-expired lease.
func TestFormerLeasesAreGivenAwayLast(t *testing.T) {
	s := newServer(t, rangeOf("192.168.122.10", "192.168.122.12"))
	old := s.lease(a)
	s.now = s.now.Add(time.Minute)
	newer := s.lease(b)
	s.now = s.now.Add(2 * time.Hour)
	if got := s.lease(c); got == old || got == newer {
		t.Errorf("%v had a former holder while another address was fresh", got)
	}
	if got := s.lease(manyGuest(1)); got != old {
		t.Errorf("took %v, longest expired is %v", got, old)
	}
	if got := s.lease(b); got != newer {
		t.Errorf("%v came back to %v", newer, got)
	}
	s.want(s.discover(a), PoolExhausted)
}

func TestFormerLeaseIsRememberedWhenAnOfferOfItLapses(t *testing.T) {
	s := newServer(t, rangeOf("192.168.122.10", "192.168.122.10"))
	addr := s.lease(a)
	s.releases(a, addr)
	s.want(s.discover(b), Offer)
	s.want(s.reboot(a, addr), Nak)
	s.now = s.now.Add(offerTime)
	if records := s.Records(); len(records) != 1 || records[0].MAC != a.mac {
		t.Errorf("records %v", records)
	}
	s.want(s.reboot(a, addr), Ack)
}

func TestDiscoverFloodEvictsNoLeaseAndIsBounded(t *testing.T) {
	s := newServer(t, rangeOf("192.168.122.10", "192.168.122.29"))
	s.want(s.reboot(a, ip("192.168.122.15")), Ack)
	for n := range 5000 {
		s.now = s.now.Add(10 * time.Millisecond)
		if got := s.discover(manyGuest(n)); got.Address == ip("192.168.122.15") {
			t.Fatal("offered a leased address")
		}
	}
	if n := len(s.offers.byAddr); n > 19 || n != len(s.offers.byClient) || n != len(s.offers.queue.heap) {
		t.Errorf("%d offers for 19 addresses, %d clients, %d queued", n, len(s.offers.byClient), len(s.offers.queue.heap))
	}
	s.want(s.renew(a, ip("192.168.122.15")), Ack)
	s.now = s.now.Add(offerMinAge)
	s.lease(b) // an old offer gives way to a client that is there
}

func TestAnOfferIsSafeForAMoment(t *testing.T) {
	s := newServer(t, rangeOf("192.168.122.10", "192.168.122.10"))
	offer := s.discover(a)
	s.now = s.now.Add(offerMinAge - 1)
	s.want(s.discover(b), PoolExhausted)
	s.want(s.take(a, offer.Address), Ack)
}

func TestAClientKeepsNoOfferBesidesItsLease(t *testing.T) {
	s := newServer(t, rangeOf("192.168.122.10", "192.168.122.11"))
	x, y := ip("192.168.122.10"), ip("192.168.122.11")
	s.want(s.discover(a, withRequested(x)), Offer)
	s.want(s.reboot(a, y), Ack)
	if got := s.lease(b); got != x {
		t.Errorf("leased %v", got)
	}
	s.discover(guest{mac: mac(4)}) // firmware: full
	s.releases(b, x)
	s.want(s.discover(guest{mac: mac(4)}), Offer)
	s.want(s.reboot(guest{mac(4), "\x01d"}, x), Ack) // its system did not wait
	if len(s.offers.byAddr)+len(s.offers.byClient) != 0 {
		t.Errorf("offers left: %v", s.offers.byClient)
	}
}

// Two identifiers on one hardware address are two clients, as behind an
// ipvlan; without an identifier it is the one that came last.
func TestTwoIdentifiersOnOneHardwareAddress(t *testing.T) {
	s := newServer(t, testConfig())
	first, second := guest{mac(1), "\x01x"}, guest{mac(1), "\x01y"}
	x, y := s.lease(first), s.lease(second)
	if x == y {
		t.Fatalf("both got %v", x)
	}
	s.want(s.declines(first, x), Declined)
	if got := s.lease(guest{mac: mac(1)}); got != y {
		t.Errorf("leased %v, the second one has %v", got, y)
	}
}

func TestReservations(t *testing.T) {
	cfg := rangeOf("192.168.122.10", "192.168.122.12")
	cfg.Hosts = []Host{
		{MAC: mac(1), Name: "web", IP: ip("192.168.122.11")},
		{ClientID: []byte("\x01b"), IP: ip("192.168.122.200")},
		{Name: "named", IP: ip("192.168.122.201")},
	}
	s := newServer(t, cfg)
	for _, tt := range []struct {
		who  guest
		name string
		want string
	}{
		{a, "", "192.168.122.11"}, {b, "", "192.168.122.200"}, {c, "Named", "192.168.122.201"},
	} {
		if got := s.lease(tt.who, withName(tt.name)); got != ip(tt.want) {
			t.Errorf("%v got %v, reserved %v", tt.who, got, tt.want)
		}
	}
	s.want(s.reboot(manyGuest(1), ip("192.168.122.200")), Nak)
	s.lease(manyGuest(1))
	s.lease(manyGuest(2))
	s.want(s.discover(manyGuest(3)), PoolExhausted)
}

func TestReservedOnly(t *testing.T) {
	cfg := testConfig()
	cfg.ReservedOnly = true
	cfg.Hosts = []Host{{MAC: a.mac, IP: ip("192.168.122.50")}}
	s := newServer(t, cfg)
	if got := s.lease(a); got != ip("192.168.122.50") {
		t.Errorf("leased %v", got)
	}
	s.want(s.discover(b), PoolExhausted)
	s.want(s.reboot(b, ip("192.168.122.51")), Nak)
}

// A reservation added later moves its client at the next renewal, once the
// address is free.
func TestReservationOfAnotherAddress(t *testing.T) {
	s := newServer(t, testConfig())
	at := ip("192.168.122.60")
	s.want(s.reboot(a, ip("192.168.122.50")), Ack)
	s.want(s.reboot(b, at), Ack)
	cfg := testConfig()
	cfg.Hosts = []Host{{MAC: a.mac, IP: at}}
	s = newServer(t, cfg, s.Records()...)

	s.want(s.renew(a, ip("192.168.122.50")), Ack) // b still has it
	s.want(s.renew(b, at), Nak)
	if moved := s.lease(b); moved == at {
		t.Error("leased an address reserved for another client")
	}
	s.want(s.renew(a, ip("192.168.122.50")), Nak)
	offer := s.discover(a)
	ack := s.take(a, offer.Address)
	s.want(ack, Ack)
	kinds := []ChangeKind{Remove, Put}
	if offer.Address != at || len(ack.Changes) != 2 || ack.Changes[0].Kind != kinds[0] || ack.Changes[1].Kind != kinds[1] {
		t.Errorf("at %v, changes %v", offer.Address, ack.Changes)
	}
}

// Boot firmware sends no client identifier, the system that it boots does.
func TestFirmwareAndSystemShareALease(t *testing.T) {
	s := newServer(t, testConfig())
	firmware := guest{mac: a.mac}
	addr := s.lease(firmware)
	if got := s.lease(a); got != addr {
		t.Errorf("firmware %v, system %v", addr, got)
	}
	if got := s.lease(firmware); got != addr {
		t.Errorf("second boot: firmware %v, system %v", got, addr)
	}
	want := []Lease{{addr, a.mac, []byte(a.id), "", start.Add(time.Hour)}}
	if diff := cmp.Diff(want, s.Leases(s.now), addrEqual); diff != "" {
		t.Error(diff)
	}
	s.now = s.now.Add(2 * time.Hour)
	s.discover(firmware)
	s.want(s.reboot(a, addr), Ack) // the firmware's offer does not stand in the way
}

func TestCloneGetsItsOwnLease(t *testing.T) {
	s := newServer(t, testConfig())
	original, clone := guest{mac(1), "\xffsame"}, guest{mac(2), "\xffsame"}
	x := s.lease(original)
	offer := s.discover(clone)
	if offer.Address == x || offer.SharedWith != x || s.Counters().Clones != 1 {
		t.Errorf("offered %v, shared with %v, %d clones", offer.Address, offer.SharedWith, s.Counters().Clones)
	}
	y := s.lease(clone)
	s.want(s.renew(original, x), Ack)
	s.want(s.renew(clone, y), Ack)
	s.want(s.renew(clone, x), Nak)
	s = newServer(t, testConfig(), s.Records()...)
	if s.lease(original) != x || s.lease(clone) != y {
		t.Error("addresses changed over a restart")
	}
}

// RFC 2131 §4.2: the identifier is the client, once nobody else uses it.
func TestIdentifierMovesToNewHardware(t *testing.T) {
	s := newServer(t, testConfig())
	addr := s.lease(guest{mac(1), "\xffsame"})
	s.releases(guest{mac(1), "\xffsame"}, addr)
	offer := s.discover(guest{mac(2), "\xffsame"})
	if offer.Address != addr || offer.SharedWith.IsValid() {
		t.Errorf("offered %v, had %v, shared %v", offer.Address, addr, offer.SharedWith)
	}
	s.lease(guest{mac(2), "\xffsame"})
	if l := s.held(addr); l.MAC != mac(2) || len(s.Records()) != 1 {
		t.Errorf("records %v", s.Records())
	}
}

func TestExpire(t *testing.T) {
	s := newServer(t, testConfig())
	addr := s.lease(a, withName("web"))
	due, ok := s.NextExpiry()
	if !ok || !due.Equal(start.Add(time.Hour)) {
		t.Errorf("next expiry %v %v", due, ok)
	}
	if got := s.Expire(due.Add(-1)); got != nil {
		t.Errorf("too early: %v", got)
	}
	want := []Change{{Lapse, Lease{addr, a.mac, []byte(a.id), "web", due}}}
	if diff := cmp.Diff(want, s.Expire(due), addrEqual); diff != "" {
		t.Error(diff)
	}
	if _, ok := s.NextExpiry(); ok || len(s.Leases(due)) != 0 {
		t.Error("lease goes on")
	}
	if got := s.Expire(due); got != nil {
		t.Errorf("again: %v", got)
	}
}

// Handle reports what ran out as well, so nothing is missed between Expires.
func TestHandleReportsLapses(t *testing.T) {
	s := newServer(t, testConfig())
	s.lease(a)
	s.now = s.now.Add(time.Hour)
	got := s.send(nil)
	if len(got.Changes) != 1 || got.Changes[0].Kind != Lapse || got.Verdict != Malformed {
		t.Errorf("%v %v", got.Verdict, got.Changes)
	}
}

func TestNewTakesLeases(t *testing.T) {
	later := start.Add(time.Hour)
	lease := func(addr string, g guest, name string, expires time.Time) Lease {
		l := Lease{IP: ip(addr), MAC: g.mac, Hostname: name, Expires: expires}
		if g.id != "" {
			l.ClientID = []byte(g.id)
		}
		return l
	}
	cfg := testConfig()
	cfg.Hosts = []Host{{MAC: mac(9), Name: "reserved"}}
	kept := []Lease{
		lease("192.168.122.10", a, "web", later),
		lease("192.168.122.12", c, "", time.Time{}),
		lease("192.168.122.13", manyGuest(1), "", later),
		lease("192.168.122.14", manyGuest(2), "", start.Add(-time.Hour)),
		lease("192.168.122.15", manyGuest(3), "", start.Add(-time.Hour)),
	}
	given := append([]Lease{
		lease("192.168.122.11", a, "", start),               // the same client, ends sooner
		lease("192.168.122.10", b, "", start),               // the same address, ends sooner
		lease("10.0.0.5", b, "", later),                     // another subnet
		lease("192.168.122.1", b, "", later),                // the server's
		lease("192.168.122.13", manyGuest(1), "web", later), // a name taken by an earlier one
	}, kept[:2]...)
	given = append(given, kept[3], lease("192.168.122.15", manyGuest(3), "reserved", kept[4].Expires))
	given[4].Expires = later.Add(-time.Minute)
	kept[2].Expires = given[4].Expires
	s := newServer(t, cfg, given...)
	if diff := cmp.Diff(kept, s.Records(), addrEqual); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(kept[:3], s.Leases(s.now), addrEqual); diff != "" {
		t.Error(diff)
	}
}
