package steer

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"
)

var routedSubnet = Routed{netip.MustParsePrefix("10.20.0.0/24"), netip.MustParseAddr("10.20.0.1")}

// TestRoutedSubnetsAreHiddenFromTheHost has the host own addresses of a routed subnet,
// so that it answers for all that it sees.
func TestRoutedSubnetsAreHiddenFromTheHost(t *testing.T) {
	backends(t, func(t *testing.T, o Options) {
		b := newBed(t)
		for _, a := range []string{"10.20.0.1", "10.20.0.5", "10.20.1.5"} {
			b.host.Run("ip addr add " + a + "/32 dev v0")
		}
		b.peer.Run("ip route add 10.20.0.0/16 via 10.9.0.1")
		s := open(t, b.host, o)
		want := func(addr string, answered bool) {
			t.Helper()
			out, _ := b.peer.Try("ping -c1 -W1 " + addr)
			if got := strings.Contains(out, "bytes from "+addr); got != answered {
				t.Errorf("%s answers: %v, want %v", addr, got, answered)
			}
		}
		b.host.Must(func() error { return s.AttachUplink(b.ifindex) })
		want("10.20.0.5", true)
		b.host.Must(func() error { return s.SetRouted([]Routed{routedSubnet}) })
		want("10.20.0.5", false)
		want("10.20.0.1", true)
		want("10.20.1.5", true)
		want("10.9.0.1", true)
		other := Routed{netip.MustParsePrefix("10.20.1.0/28"), netip.MustParseAddr("10.20.1.1")}
		b.host.Must(func() error { return s.SetRouted([]Routed{other}) })
		want("10.20.0.5", true)
		want("10.20.1.5", false)
		b.host.Must(func() error { return s.DetachUplink(b.ifindex) })
		wantNothingLeft(t, b.host, "v0")
		if err := s.SetRouted([]Routed{{netip.MustParsePrefix("2001:db8::/64"), netip.MustParseAddr("2001:db8::1")}}); err == nil {
			t.Error("an IPv6 subnet was accepted")
		}
	})
}

// TestRoutedSocketFilter feeds packets to routed and to other addresses and sees which
// the filtered socket delivers.
func TestRoutedSocketFilter(t *testing.T) {
	tcp, udp := layers.IPProtocolTCP, layers.IPProtocolUDP
	cases := []packet{
		{name: "guest, tcp", dst: "10.20.0.5", proto: tcp, port: freePort, passes: true},
		{name: "guest, held port", dst: "10.20.0.5", proto: udp, port: heldPort, passes: true},
		{name: "guest, another protocol", dst: "10.20.0.254", proto: layers.IPProtocolGRE, passes: true},
		{name: "guest, later fragment", dst: "10.20.0.5", proto: udp, offset: 3, passes: true},
		{name: "guest, behind ip options", dst: "10.20.0.5", proto: tcp, options: 8, passes: true},
		{name: "second subnet", dst: "10.30.0.6", proto: tcp, port: freePort, passes: true},
		{name: "the host's address", dst: "10.20.0.1", proto: tcp, port: freePort},
		{name: "network address", dst: "10.20.0.0", proto: tcp, port: freePort},
		{name: "broadcast", dst: "10.20.0.255", proto: udp, port: freePort},
		{name: "another subnet", dst: "10.20.1.5", proto: tcp, port: freePort},
		{name: "another's mac", mac: "other", dst: "10.20.0.5", proto: tcp, port: freePort},
		{name: "vlan 5", tagged: true, vid: 5, dst: "10.20.0.5", proto: tcp, port: freePort},
		{name: "held port of an outside address", proto: tcp, port: heldPort, passes: true},
		{name: "free port of an outside address", proto: tcp, port: freePort},
	}
	subnets := []Routed{routedSubnet, {netip.MustParsePrefix("10.30.0.4/30"), netip.MustParseAddr("10.30.0.5")}}
	backends(t, func(t *testing.T, o Options) {
		for _, l3 := range []bool{false, true} {
			w := newWire(t, l3)
			s := open(t, w.ns, o)
			hold(s, heldPort)
			w.ns.Must(func() error { return s.SetOutside([]netip.Addr{hostAddr}) })
			w.ns.Must(func() error { return s.SetRouted(subnets) })
			fd := packetSocket(t, w.ns, w.ifindex, s.AttachFilter)
			for _, p := range cases {
				if w.l3 && (p.mac != "" || p.tagged) {
					continue
				}
				w.wantFiltered(t, fd, p)
			}
		}
	})
}
