package dhcpd

import (
	"net/netip"
	"testing"
)

func TestPool(t *testing.T) {
	p := newPool([]Range{{ip("10.0.1.0"), ip("10.0.1.99")}, {ip("10.0.0.250"), ip("10.0.0.254")}})
	if p.size != 105 {
		t.Fatalf("size %d", p.size)
	}
	seen := map[netip.Addr]bool{}
	for range 105 {
		addr, ok := p.nextFresh(70)
		n, in := p.number(addr)
		if !ok || !in || seen[addr] || p.addr(n) != addr || !p.fresh(addr) {
			t.Fatalf("%v after %d addresses", addr, len(seen))
		}
		seen[addr] = true
		p.set(addr, true)
	}
	if addr, ok := p.nextFresh(70); ok {
		t.Errorf("a full pool gave %v", addr)
	}
	p.set(ip("10.0.0.252"), false)
	if addr, _ := p.nextFresh(3); addr != ip("10.0.0.252") {
		t.Errorf("got %v", addr)
	}
	for _, out := range []string{"10.0.0.249", "10.0.0.255", "10.0.1.100", "::1"} {
		if p.contains(ip(out)) {
			t.Errorf("%v is in the pool", out)
		}
	}
}
