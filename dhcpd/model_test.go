package dhcpd

import (
	"cmp"
	"net/netip"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// model is what an outsider may expect of the server: who was promised which
// address until when, learned from decoded replies alone.
type model struct {
	*server
	t        *rapid.T
	guests   []guest
	addrs    []netip.Addr // of the pool
	held     map[netip.Addr]promise
	declined map[netip.Addr]time.Time // until when
	disk     map[netip.Addr]Lease     // what Changes say should be stored
}

type promise struct {
	who   guest
	until time.Time
}

// TestModel drives an engine with random clients, among them clones, through
// time and restarts.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{
			server:   newServer(t, rangeOf("192.168.122.10", "192.168.122.13")),
			t:        rt,
			guests:   []guest{a, b, c, {mac(4), "\xffclone"}, {mac(5), "\xffclone"}, {mac: mac(6)}},
			held:     map[netip.Addr]promise{},
			declined: map[netip.Addr]time.Time{},
			disk:     map[netip.Addr]Lease{},
		}
		for n := byte(10); n <= 13; n++ {
			m.addrs = append(m.addrs, netip.AddrFrom4([4]byte{192, 168, 122, n}))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check, "discover": m.discovers, "select": m.selects, "init-reboot": m.reboots,
			"renew": m.renews, "decline": m.declinesOne, "release": m.releasesOne,
			"wait": m.waits, "restart": m.restarts,
		})
	})
}

func (m *model) guest() guest { return rapid.SampledFrom(m.guests).Draw(m.t, "guest") }

func (m *model) addr() netip.Addr {
	others := []netip.Addr{ip("192.168.122.1"), ip("192.168.122.99"), ip("10.0.0.1")}
	return rapid.SampledFrom(append(others, m.addrs...)).Draw(m.t, "addr")
}

// holding returns the address that g was promised and may still use.
func (m *model) holding(g guest) (netip.Addr, bool) {
	for addr, p := range m.held {
		if p.who == g && m.now.Before(p.until) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

func (m *model) usedByAnother(addr netip.Addr, g guest) bool {
	p, ok := m.held[addr]
	return ok && p.who != g && m.now.Before(p.until)
}

// sound checks what holds for every reply that gives g an address.
func (m *model) sound(g guest, r Result) netip.Addr {
	p := m.decode(r)
	addr, _ := netip.AddrFromSlice(p.YourIPAddr)
	switch {
	case !slices.Contains(m.addrs, addr):
		m.t.Fatalf("%v is not in the pool", addr)
	case m.usedByAnother(addr, g):
		m.t.Fatalf("%v goes to %v, on lease to %v", addr, g, m.held[addr])
	case m.now.Before(m.declined[addr]):
		m.t.Fatalf("%v goes to %v in quarantine", addr, g)
	}
	return addr
}

// store applies the changes as the lease file would.
func (m *model) store(r Result) {
	for _, c := range r.Changes {
		switch c.Kind {
		case Put, Release:
			m.disk[c.Lease.IP] = c.Lease
		case Remove:
			delete(m.disk, c.Lease.IP)
		}
	}
}

func (m *model) offered(g guest) (netip.Addr, bool) {
	r := m.server.discover(g)
	m.store(r)
	if r.Verdict == PoolExhausted {
		if addr, ok := m.holding(g); ok {
			m.t.Fatalf("%v holds %v and is offered nothing", g, addr)
		}
		return netip.Addr{}, false
	}
	addr := m.sound(g, r)
	if own, ok := m.holding(g); ok && own != addr {
		m.t.Fatalf("%v holds %v and is offered %v", g, own, addr)
	}
	return addr, true
}

// answered follows a REQUEST of g for addr.
func (m *model) answered(g guest, addr netip.Addr, r Result) {
	m.store(r)
	switch r.Verdict {
	case Ack:
		if got := m.sound(g, r); got != addr {
			m.t.Fatalf("%v asked for %v and got %v", g, addr, got)
		}
		if own, ok := m.holding(g); ok {
			delete(m.held, own)
		}
		m.held[addr] = promise{g, m.now.Add(m.decode(r).IPAddressLeaseTime(0))}
	case Nak:
		if own, ok := m.holding(g); ok && own == addr {
			m.t.Fatalf("%v holds %v and is refused it: %s", g, addr, r.Reason)
		}
	default:
		m.t.Fatalf("request of %v for %v: %v", g, addr, r.Verdict)
	}
}

func (m *model) discovers(*rapid.T) { m.offered(m.guest()) }

func (m *model) selects(*rapid.T) {
	g := m.guest()
	addr, ok := m.offered(g)
	if !ok {
		return
	}
	r := m.take(g, addr)
	if r.Verdict != Ack {
		m.t.Fatalf("%v was offered %v and refused it: %s", g, addr, r.Reason)
	}
	m.answered(g, addr, r)
}

func (m *model) reboots(*rapid.T) {
	g, addr := m.guest(), m.addr()
	m.answered(g, addr, m.reboot(g, addr))
}

func (m *model) renews(*rapid.T) {
	g, addr := m.guest(), m.addr()
	if own, ok := m.holding(g); ok && rapid.Bool().Draw(m.t, "own") {
		addr = own
	}
	m.answered(g, addr, m.renew(g, addr))
}

func (m *model) declinesOne(*rapid.T) {
	g, addr := m.guest(), m.addr()
	own, ok := m.holding(g)
	r := m.declines(g, addr)
	m.store(r)
	if (r.Verdict == Declined) != (ok && own == addr) {
		m.t.Fatalf("%v declines %v and holds %v: %v", g, addr, own, r.Verdict)
	}
	if r.Verdict == Declined {
		delete(m.held, addr)
		m.declined[addr] = m.now.Add(quarantineTime)
	}
}

func (m *model) releasesOne(*rapid.T) {
	g, addr := m.guest(), m.addr()
	own, ok := m.holding(g)
	r := m.releases(g, addr)
	m.store(r)
	if (r.Verdict == Released) != (ok && own == addr) {
		m.t.Fatalf("%v releases %v and holds %v: %v", g, addr, own, r.Verdict)
	}
	if r.Verdict == Released {
		delete(m.held, addr)
	}
}

func (m *model) waits(*rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Second, offerMinAge, offerTime, 25 * time.Minute, time.Hour})
	m.now = m.now.Add(d.Draw(m.t, "wait"))
	m.Expire(m.now)
}

// restarts makes a new engine from what is on disk. Quarantine is forgotten.
func (m *model) restarts(*rapid.T) {
	var leases []Lease
	for _, l := range m.disk {
		leases = append(leases, l)
	}
	e, err := New(m.cfg, leases)
	if err != nil {
		m.t.Fatal(err)
	}
	e.Expire(m.now)
	m.Engine, m.declined = e, map[netip.Addr]time.Time{}
}

// check compares the engine with what it promised and with the disk.
func (m *model) check(*rapid.T) {
	got := m.Leases(m.now)
	live := 0
	for addr, p := range m.held {
		if !m.now.Before(p.until) {
			continue
		}
		live++
		if l := m.server.held(addr); l.MAC != p.who.mac || string(l.ClientID) != p.who.id || l.Expires.Before(p.until) {
			m.t.Fatalf("%v was promised %v until %v, engine has %+v", p.who, addr, p.until, l)
		}
	}
	if live != len(got) {
		m.t.Fatalf("%d leases promised, engine has %v", live, got)
	}
	disk := []Lease(nil)
	for _, l := range m.disk {
		disk = append(disk, l)
	}
	slices.SortFunc(disk, func(x, y Lease) int { return cmp.Compare(toUint(x.IP), toUint(y.IP)) })
	if diff := gocmp.Diff(disk, m.Records(), addrEqual); diff != "" {
		m.t.Fatalf("disk and engine differ: %s", diff)
	}
	m.consistent()
}

// consistent checks the engine's indices against one another.
func (m *model) consistent() {
	for _, addr := range m.addrs {
		b := m.ledger.byAddr[addr]
		held := m.offers.has(addr) || m.quarantine.has(addr)
		if m.pool.fresh(addr) != (b == nil && !held) {
			m.t.Fatalf("%v: fresh bit is wrong", addr)
		}
		if b == nil {
			continue
		}
		if b.queued != (b.live || !held) {
			m.t.Fatalf("%v: live %v, held %v, queued %v", addr, b.live, held, b.queued)
		}
		if m.ledger.byClient[b.client] != b {
			m.t.Fatalf("%v: its client has another binding", addr)
		}
	}
	if n := len(m.ledger.byAddr); n != len(m.ledger.byClient) || len(m.ledger.byMAC) > n || len(m.ledger.byID) > n {
		m.t.Fatalf("%d bindings, %d clients", n, len(m.ledger.byClient))
	}
}
