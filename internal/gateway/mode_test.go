package gateway_test

import (
	"net/netip"
	"testing"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/fdb"
	"ubridge/internal/gateway"
	"ubridge/internal/wire"
)

// The second network of a bed, and who is on it.
const (
	peerBridge dataplane.BridgeID = 6
	peerPort   dataplane.PortID   = 4
	peerHost   dataplane.PortID   = 5
	peerDevice                    = 9 // interface index of its host port
	nicDevice                     = 2 // of the uplink, as ready has it
)

var (
	peerStation = wire.MAC{0x52, 0x54, 0, 0xff, 0, 2}
	peerMAC     = wire.MAC{0x52, 0x54, 0, 0, 0, 8}
	peerGateway = wire.IP4{10, 20, 0, 1}
	peerIP      = wire.IP4{10, 20, 0, 8}
)

// network is the first network of a bed in a mode.
func (b *bed) network(mode gateway.Mode, uplink int32) {
	b.do(func(*dataplane.Worker) {
		b.r.AddNetwork(gateway.Network{
			Bridge: bridgeID, Mode: mode, Station: station, Gateway: gatewayIP,
			Subnet: netip.MustParsePrefix("192.168.122.0/24"), MTU: 1500, Uplink: uplink,
		})
		b.r.AddUplink(uplinkPort, nicDevice)
	})
}

// peer adds a second network with a guest, which is returned.
func (b *bed) peer(mode gateway.Mode, uplink int32) *memport.Port {
	b.t.Helper()
	stations, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 64), Seed: 1, MaxPorts: 8})
	if err != nil {
		b.t.Fatal(err)
	}
	guest, host := polled(b.t), polled(b.t)
	b.do(func(w *dataplane.Worker) {
		w.AddBridge(peerBridge, dataplane.BridgeConfig{FDB: stations, Station: peerStation, JudgeHost: true})
		w.AddPort(peerPort, peerBridge, "peer", guest)
		w.AddPort(peerHost, peerBridge, "ubr1", host)
		w.SetHostPort(peerHost)
		b.r.AddNetwork(gateway.Network{
			Bridge: peerBridge, Mode: mode, Station: peerStation, Gateway: peerGateway,
			Subnet: netip.MustParsePrefix("10.20.0.0/24"), MTU: 1500, Uplink: uplink,
		})
	})
	b.send(guest, peerPort, ether(wire.Broadcast, peerMAC, 0x88b5, make([]byte, 46))) // learned
	host.Sent()
	return guest
}

// toPeer is the hop to the second network's guest.
func toPeer() gateway.Hop {
	return gateway.Hop{
		State: gateway.HopReady, Virtual: true, Inside: true, Bridge: peerBridge, Port: uplinkPort, Device: peerDevice,
		MTU: 1500, Outside: peerGateway, Dst: peerMAC, Src: peerStation,
	}
}

// Who may open a conversation with a guest of another network. The reasons are
// libvirt's chains, asked in this order: LIBVIRT_FWI, of the destination's network
// (route: accept to its subnet, unless it came from another device than forward
// dev; nat and isolated: reject what is new; open: no rule), then LIBVIRT_FWO, of
// the source's (nat, route: accept from its subnet, to forward dev only; isolated:
// reject; open: no rule). An isolated guest's packet to a routed network would pass
// there and its answer would not: here neither does.
func TestWhoReachesAnotherNetwork(t *testing.T) {
	const nat, isolated, route, open = gateway.NAT, gateway.Isolated, gateway.Route, gateway.Open
	names := map[gateway.Mode]string{nat: "nat", isolated: "isolated", route: "route", open: "open"}
	for _, c := range []struct {
		from, to         gateway.Mode
		uplink, toUplink int32
		want             string // plain, masqueraded or refused
	}{
		{from: nat, to: nat, want: "refused"},
		{from: nat, to: isolated, want: "refused"},
		{from: nat, to: route, want: "masqueraded"},
		{from: nat, to: open, want: "masqueraded"},
		{from: isolated, to: nat, want: "refused"},
		{from: isolated, to: isolated, want: "refused"},
		{from: isolated, to: route, want: "refused"},
		{from: isolated, to: open, want: "refused"},
		{from: route, to: nat, want: "refused"},
		{from: route, to: isolated, want: "refused"},
		{from: route, to: route, want: "plain"},
		{from: route, to: open, want: "plain"},
		{from: open, to: nat, want: "refused"},
		{from: open, to: isolated, want: "refused"},
		{from: open, to: route, want: "plain"},
		{from: open, to: open, want: "plain"},
		{from: nat, to: route, uplink: nicDevice, want: "refused"},
		{from: route, to: route, uplink: nicDevice, want: "refused"},
		{from: nat, to: route, toUplink: nicDevice, want: "refused"},
		{from: open, to: open, toUplink: nicDevice, want: "refused"},
	} {
		t.Run(names[c.from]+" to "+names[c.to], func(t *testing.T) {
			b := newBed(t)
			b.network(c.from, c.uplink)
			peer := b.peer(c.to, c.toUplink)
			b.answer(peerIP, toPeer())
			p := udp(guestIP, peerIP, 5000, 7, []byte("hello"))
			b.send(b.guest, guestPort, fromGuest(p))
			switch c.want {
			case "plain":
				eth, ip := parse(t, b.one(peer))
				if eth.Dst() != peerMAC || eth.Src() != peerStation || ip.Src() != guestIP || ip.Dst() != peerIP || ip.TTL() != 63 {
					t.Errorf("%v → %v: %v → %v, ttl %d", eth.Src(), eth.Dst(), ip.Src(), ip.Dst(), ip.TTL())
				}
			case "masqueraded":
				if _, ip := parse(t, b.one(b.uplink)); ip.Src() != peerGateway || ip.Dst() != peerIP {
					t.Errorf("%v → %v", ip.Src(), ip.Dst())
				}
			case "refused":
				b.wantError(wire.ICMPUnreachable, wire.ICMPCodeProhibited, 0, p)
				b.wantDrop(guestPort, frame.Refused)
			}
			if n := len(peer.Sent()) + len(b.uplink.Sent()) + len(b.guest.Sent()) + len(b.host.Sent()); n != 0 {
				t.Errorf("%d frames more", n)
			}
		})
	}
}

func TestFromAnIsolatedNetworkTheHostIsReachedAndNothingElse(t *testing.T) {
	b := newBed(t)
	b.network(gateway.Isolated, 0)
	b.answer(server, ready()) // however well the way is known
	p := udp(guestIP, server, 5000, 7, nil)
	b.send(b.guest, guestPort, fromGuest(p))
	b.wantError(wire.ICMPUnreachable, wire.ICMPCodeProhibited, 0, p)
	b.wantDrop(guestPort, frame.Refused)
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, gatewayIP, 5000, 7, nil)), fromGuest(udp(guestIP, outside, 5000, 7, nil)))
	if n := len(b.host.Sent()); n != 2 {
		t.Errorf("the host got %d of what was sent to two of its addresses", n)
	}
	if n := len(b.uplink.Sent()); n != 0 || len(b.asked) != 0 {
		t.Errorf("%d frames left; %d questions", n, len(b.asked))
	}
}

// By libvirt, nat and route networks accept from their subnet only, and an open one
// has no rules; the host's own addresses and groups are nobody's source.
func TestSourcesByMode(t *testing.T) {
	behind := wire.IP4{172, 20, 0, 5}
	for mode, want := range map[gateway.Mode]map[wire.IP4]bool{
		gateway.NAT:   {guestIP: true},
		gateway.Route: {guestIP: true},
		gateway.Open:  {guestIP: true, behind: true},
	} {
		for _, src := range []wire.IP4{guestIP, behind, gatewayIP, {192, 168, 122, 255}, {192, 168, 122, 0}, outside, {224, 0, 0, 5}, {127, 0, 0, 1}, {}} {
			b := newBed(t)
			b.network(mode, 0)
			b.answer(server, ready())
			b.send(b.guest, guestPort, fromGuest(udp(src, server, 5000, 7, nil)))
			if passed := len(b.uplink.Sent()) == 1; passed != want[src] {
				t.Errorf("mode %d: from %v: passed %v", mode, src, passed)
			}
			if dropped := b.counters(guestPort).Drops[frame.BadSource] == 1; dropped == want[src] {
				t.Errorf("mode %d: from %v: bad-source %v", mode, src, dropped)
			}
		}
	}
}

// What the host forwards for others enters routed networks only, and those that are
// bound to an uplink not by the host.
func TestWhatTheHostSendsByMode(t *testing.T) {
	for _, c := range []struct {
		mode   gateway.Mode
		uplink int32
		src    wire.IP4
		want   bool
	}{
		{gateway.NAT, 0, gatewayIP, true},
		{gateway.Isolated, 0, gatewayIP, true},
		{gateway.Isolated, 0, outside, true},
		{gateway.Route, nicDevice, outside, true},
		{gateway.NAT, 0, server, false},
		{gateway.Isolated, 0, server, false},
		{gateway.Route, 0, server, true},
		{gateway.Route, 0, wire.IP4{192, 168, 122, 9}, false},
		{gateway.Route, nicDevice, server, false},
		{gateway.Open, 0, server, true},
	} {
		b := newBed(t)
		b.network(c.mode, c.uplink)
		b.send(b.host, hostPort, ether(guestMAC, station, wire.TypeIPv4, udp(c.src, guestIP, 7, 5000, nil)))
		if got := len(b.guest.Sent()) == 1; got != c.want {
			t.Errorf("mode %d, uplink %d, from %v: entered %v", c.mode, c.uplink, c.src, got)
		}
	}
}

// A network bound to an uplink uses that device only, both ways.
func TestAnUplinkBindsBothWays(t *testing.T) {
	for _, mode := range []gateway.Mode{gateway.NAT, gateway.Route, gateway.Open} {
		b := newBed(t)
		b.network(mode, nicDevice)
		b.answer(server, ready())
		b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000, 7, nil)))
		_, ip := parse(t, b.one(b.uplink))
		back := udp(server, ip.Src(), 7, wire.UDP(ip.Payload()).SrcPort(), nil)
		if mode != gateway.NAT {
			b.answer(guestIP, toGuest())
		}
		b.send(b.uplink, uplinkPort, ether(nicMAC, hopMAC, wire.TypeIPv4, back))
		if _, ip := parse(t, b.one(b.guest)); ip.Dst() != guestIP {
			t.Errorf("mode %d: the answer goes to %v", mode, ip.Dst())
		}
		for _, device := range []int32{7, gateway.NoDevice} {
			b.do(func(*dataplane.Worker) { b.r.SetUplink(bridgeID, device) })
			p := udp(guestIP, server, 5000, 7, nil)
			b.send(b.guest, guestPort, fromGuest(p))
			b.wantError(wire.ICMPUnreachable, wire.ICMPCodeProhibited, 0, p)
			b.send(b.uplink, uplinkPort, ether(nicMAC, hopMAC, wire.TypeIPv4, back))
		}
		reason, told := frame.Refused, 2 // the senders outside are told
		if mode == gateway.NAT {
			reason, told = frame.Filtered, 0
		}
		if n := b.counters(uplinkPort).Drops[reason]; n != 2 {
			t.Errorf("mode %d: %d dropped as %v, want 2", mode, n, reason)
		}
		if in, out := len(b.guest.Sent()), len(b.uplink.Sent()); in != 0 || out != told {
			t.Errorf("mode %d: %d frames came in and %d left, want 0 and %d", mode, in, out, told)
		}
	}
}
