package dhcpd

import (
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// FuzzHandle feeds one request to a server that has leases, offers and a
// quarantine. Whatever the bytes, there is a verdict, a reply decodes, and
// nobody loses a lease to another client.
func FuzzHandle(f *testing.F) {
	addr := ip("192.168.122.50")
	for _, g := range []guest{a, c} {
		f.Add(g.message(dhcpv4.MessageTypeDiscover, withName("web"), withRequested(addr)))
		f.Add(g.message(dhcpv4.MessageTypeRequest, withServer("192.168.122.1"), withRequested(addr)))
		f.Add(g.message(dhcpv4.MessageTypeRequest, withRequested(addr)))
		f.Add(g.message(dhcpv4.MessageTypeRequest, withCiaddr(addr)))
		f.Add(g.message(dhcpv4.MessageTypeDecline, withRequested(addr)))
		f.Add(g.message(dhcpv4.MessageTypeRelease, withCiaddr(addr)))
		f.Add(g.message(dhcpv4.MessageTypeInform, withCiaddr(addr)))
	}
	f.Add(a.message(dhcpv4.MessageTypeDiscover, dhcpv4.WithGeneric(dhcpv4.OptionOptionOverload, []byte{3})))
	f.Add(a.message(dhcpv4.MessageTypeDiscover, dhcpv4.WithGatewayIP(netIP(addr)),
		dhcpv4.WithGeneric(dhcpv4.OptionRelayAgentInformation, make([]byte, 300))))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, req []byte) {
		s := newServer(t, fullConfig())
		s.want(s.reboot(b, addr), Ack)
		s.discover(guest{mac: mac(7)})
		s.declines(guest{mac: mac(8)}, s.lease(guest{mac: mac(8)}))
		s.now = s.now.Add(time.Second)

		r := s.send(req)
		if r.Verdict == None || r.Verdict >= verdictCount {
			t.Fatalf("verdict %v", r.Verdict)
		}
		if r.Reply != nil {
			p := s.decode(r)
			if p.OpCode != dhcpv4.OpcodeBootReply || len(r.Reply) < 300 || !r.DstIP.Is4() {
				t.Fatalf("reply %v to %v", p.Summary(), r.DstIP)
			}
		}
		if l := s.held(addr); r.Client != b.mac && l.MAC != b.mac {
			t.Fatalf("%x took %v from %x", r.Client, addr, b.mac)
		}
		if len(s.Records()) > 3 {
			t.Fatalf("one request made leases: %v", s.Records())
		}
	})
}
