package dhcpd

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// BenchmarkLease is a new client's whole exchange, DISCOVER to ACK, in a pool
// of 65,534 that is half full.
func BenchmarkLease(b *testing.B) {
	e, err := New(Config{Server: ip("10.0.0.1"), Subnet: mustPrefix("10.0.0.0/16")}, nil)
	if err != nil {
		b.Fatal(err)
	}
	now, n := start, 0
	exchange := func() {
		g := manyGuest(n)
		n++
		offer := e.Handle(now, g.message(dhcpv4.MessageTypeDiscover))
		ack := e.Handle(now, g.message(dhcpv4.MessageTypeRequest, withServer("10.0.0.1"), withRequested(offer.Address)))
		if ack.Verdict != Ack {
			b.Fatal(ack.Verdict)
		}
	}
	for n < 32_000 {
		exchange()
	}
	for b.Loop() {
		exchange()
		if n%30_000 == 0 { // the older half makes room
			now = now.Add(DefaultLeaseTime)
		}
	}
}
