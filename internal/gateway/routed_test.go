package gateway_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/internal/gateway"
	"ubridge/internal/wire"
)

// toGuest is the hop from outside to the guest of a routed network.
func toGuest() gateway.Hop {
	return gateway.Hop{
		State: gateway.HopReady, Virtual: true, Inside: true, Bridge: bridgeID, Port: dataplane.NoPort, Device: 8,
		MTU: 1500, Outside: gatewayIP, Dst: guestMAC, Src: station,
	}
}

func routedBed(t testing.TB) *bed {
	b := newBed(t)
	b.network(gateway.Route, 0)
	b.answer(server, ready())
	return b
}

// wantAsked waits for the slow path to be asked for a destination.
func (b *bed) wantAsked(dst wire.IP4) {
	b.t.Helper()
	for {
		select {
		case got := <-b.asked:
			if got == dst {
				return
			}
		default:
			b.t.Fatalf("the slow path is not asked for %v", dst)
		}
	}
}

// fromOutside is a frame that the uplink receives.
func fromOutside(ip wire.IPv4) []byte { return ether(nicMAC, hopMAC, wire.TypeIPv4, ip) }

func TestARoutedPacketKeepsItsAddresses(t *testing.T) {
	b := routedBed(t)
	out := udp(guestIP, server, 5000, 7, []byte("out"))
	b.send(b.guest, guestPort, fromGuest(out))
	eth, ip := parse(t, b.one(b.uplink))
	if eth.Dst() != hopMAC || eth.Src() != nicMAC || ip.TTL() != 63 || !bytes.Equal(ip[12:], out[12:]) {
		t.Errorf("left as %v → %v, %x", eth.Src(), eth.Dst(), ip)
	}
	b.send(b.guest, guestPort, fromGuest(ipv4(guestIP, server, 47, []byte("any protocol"))))
	b.one(b.uplink)

	in := udp(server, guestIP, 7, 5000, []byte("in"))
	b.send(b.uplink, uplinkPort, fromOutside(in))
	b.wantAsked(guestIP)
	b.answer(guestIP, toGuest()) // the frame has waited for it
	eth, ip = parse(t, b.one(b.guest))
	if eth.Dst() != guestMAC || eth.Src() != station || ip.TTL() != 63 || !bytes.Equal(ip[12:], in[12:]) {
		t.Errorf("came in as %v → %v, %x", eth.Src(), eth.Dst(), ip)
	}
	b.send(b.uplink, uplinkPort, fromOutside(in))
	b.one(b.guest)
	if n := b.r.NAT().SessionsOf(uint16(bridgeID)); n != 0 {
		t.Errorf("%d flows: nothing is to be translated", n)
	}
}

// What does not get to a guest is answered to its sender outside, by the way back,
// from the gateway's address.
func TestErrorsToTheOutside(t *testing.T) {
	plain := udp(server, guestIP, 7, 5000, make([]byte, 100))
	last := udp(server, guestIP, 7, 5000, nil)
	last[8] = 1
	last.FillChecksum()
	long := udp(server, guestIP, 7, 5000, make([]byte, 3000))
	long[6] = 0x40
	long.FillChecksum()
	for name, c := range map[string]struct {
		packet    wire.IPv4
		hop       gateway.Hop
		typ, code byte
		info      uint32
		reason    frame.Reason
	}{
		"last hop":       {last, toGuest(), wire.ICMPTimeExceeded, 0, 0, frame.TTLExceeded},
		"nobody answers": {plain, gateway.Hop{State: gateway.HopUnresolved}, wire.ICMPUnreachable, wire.ICMPCodeHost, 0, frame.NeighbourFailed},
		"too long":       {long, toGuest(), wire.ICMPUnreachable, wire.ICMPCodeFragNeeded, 1500, frame.NeedsFrag},
		"elsewhere":      {plain, ready(), wire.ICMPUnreachable, wire.ICMPCodeNet, 0, frame.NoRoute},
	} {
		t.Run(name, func(t *testing.T) {
			b := routedBed(t)
			b.answer(guestIP, c.hop)
			b.send(b.uplink, uplinkPort, fromOutside(c.packet))
			b.wantDrop(uplinkPort, c.reason)
			eth, ip := parse(t, b.one(b.uplink))
			m, ok := wire.ParseICMP(ip.Payload())
			if !ok || eth.Dst() != hopMAC || eth.Src() != nicMAC || ip.Src() != gatewayIP || ip.Dst() != server {
				t.Fatalf("no ICMP error to the sender: %x", ip)
			}
			if m.Type() != c.typ || m.Code() != c.code || binary.BigEndian.Uint32(m[4:]) != c.info {
				t.Errorf("type %d code %d info %d", m.Type(), m.Code(), binary.BigEndian.Uint32(m[4:]))
			}
			if !bytes.HasPrefix(c.packet, m.Embedded()) {
				t.Errorf("it quotes %x", m.Embedded())
			}
			if n := len(b.guest.Sent()); n != 0 {
				t.Errorf("%d frames went to the guest", n)
			}
		})
	}
}

func TestAnErrorAboutAnUnknownWayBackWaitsForIt(t *testing.T) {
	b := newBed(t)
	b.network(gateway.Route, 0)
	b.answer(guestIP, gateway.Hop{State: gateway.HopUnresolved})
	b.send(b.uplink, uplinkPort, fromOutside(udp(server, guestIP, 7, 5000, nil)))
	b.wantAsked(server)
	b.answer(server, ready())
	if _, ip := parse(t, b.one(b.uplink)); ip.Src() != gatewayIP || ip.Dst() != server {
		t.Errorf("%v → %v", ip.Src(), ip.Dst())
	}
}

func TestWhatDoesNotComeInIsDroppedByName(t *testing.T) {
	broadcast := fromOutside(udp(server, guestIP, 7, 5000, nil))
	copy(broadcast, wire.Broadcast[:])
	for name, c := range map[string]struct {
		frame []byte
		want  frame.Reason
	}{
		"a guest's source":     {fromOutside(udp(wire.IP4{192, 168, 122, 9}, guestIP, 7, 5000, nil)), frame.BadSource},
		"the host's source":    {fromOutside(udp(outside, guestIP, 7, 5000, nil)), frame.BadSource},
		"loopback":             {fromOutside(udp(wire.IP4{127, 0, 0, 1}, guestIP, 7, 5000, nil)), frame.BadSource},
		"to all on the link":   {broadcast, frame.LocalScope},
		"gateway's, no flow":   {fromOutside(udp(server, gatewayIP, 7, 5000, nil)), frame.NoMapping},
		"broadcast address":    {fromOutside(udp(server, wire.IP4{192, 168, 122, 255}, 7, 5000, nil)), frame.NoMapping},
		"another's, no flow":   {fromOutside(udp(server, wire.IP4{192, 168, 123, 7}, 7, 5000, nil)), frame.NoMapping},
		"source route inwards": {fromOutside(withOptions(udp(server, guestIP, 7, 5000, nil), 131, 3, 4, 0)), frame.SourceRoute},
	} {
		t.Run(name, func(t *testing.T) {
			b := routedBed(t)
			b.answer(guestIP, toGuest())
			b.send(b.uplink, uplinkPort, c.frame)
			b.wantDrop(uplinkPort, c.want)
			if n := len(b.guest.Sent()) + len(b.uplink.Sent()) + len(b.host.Sent()); n != 0 {
				t.Errorf("%d frames were sent", n)
			}
		})
	}
}

// A network that is gone is neither a source nor a destination, whatever is cached.
func TestARoutedNetworkThatWasRemoved(t *testing.T) {
	b := routedBed(t)
	peer := b.peer(gateway.Route, 0)
	b.answer(peerIP, toPeer())
	b.do(func(w *dataplane.Worker) {
		b.r.RemoveNetwork(w.Now(), peerBridge)
		for _, p := range w.RemoveBridge(peerBridge) {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, peerIP, 5000, 7, nil)))
	b.send(b.uplink, uplinkPort, fromOutside(udp(server, peerIP, 7, 5000, nil)))
	b.wantDrop(guestPort, frame.Refused)
	b.wantDrop(uplinkPort, frame.NoMapping)
	if n := len(peer.Sent()); n != 0 {
		t.Errorf("%d frames went to a port that is gone", n)
	}
}

// Routing without translation allocates nothing, both ways, whole and cut.
func TestRoutingAsItIsAllocatesNothing(t *testing.T) {
	b := routedBed(t)
	narrow := wire.IP4{198, 51, 100, 9}
	in := newLoop(fromGuest(udp(guestIP, server, 5000, 7, make([]byte, 1000))), fromGuest(udp(guestIP, narrow, 5000, 7, make([]byte, 1400))))
	last := udp(server, guestIP, 7, 5000, nil)
	last[8] = 1
	last.FillChecksum()
	out := newLoop(fromOutside(udp(server, guestIP, 7, 5000, make([]byte, 1000))), fromOutside(last))
	b.do(func(w *dataplane.Worker) {
		w.AddPort(6, bridgeID, "in", in)
		w.AddPort(7, dataplane.NoBridge, "out", out)
		b.r.AddUplink(7, nicDevice)
	})
	hop, back := ready(), toGuest()
	hop.Port = 7
	b.answer(server, hop)
	hop.MTU = 600
	b.answer(narrow, hop)
	b.answer(guestIP, back)
	const rounds = 2000
	b.rounds(in, out, 100)
	in.sent, out.sent = 0, 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.rounds(in, out, rounds)
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > rounds/4 { // those of looking whether it is done
		t.Errorf("%d allocations in %d rounds", n, rounds)
	}
	if out.sent < 4*rounds || in.sent < rounds {
		t.Errorf("%d frames were sent out and %d in: not what the test is about", out.sent, in.sent)
	}
}

// Whatever is sent through a routed network, the router gives every frame back,
// sends outside only what is the network's own, and gives the host only its own.
func FuzzRouted(f *testing.F) {
	b := routedBed(f)
	b.answer(guestIP, toGuest())
	icmp := append([]byte{wire.ICMPUnreachable, 3, 0, 0, 0, 0, 0, 0}, udp(guestIP, server, 5000, 7, nil)...)
	for _, p := range []wire.IPv4{
		udp(guestIP, server, 5000, 7, []byte("x")),
		udp(server, guestIP, 7, 5000, make([]byte, 1600)),
		ipv4(server, guestIP, wire.ProtoICMP, icmp),
		udp(guestIP, outside, 5000, 7, nil),
	} {
		f.Add(fromGuest(p), uint8(0), uint8(0), uint16(0), uint16(0), uint16(0), uint8(guestPort), true)
		f.Add(fromGuest(p), uint8(frame.NeedsCsum), uint8(frame.GSOUDPL4), uint16(42), uint16(34), uint16(6), uint8(uplinkPort), true)
		f.Add(fromGuest(p), uint8(0), uint8(0), uint16(0), uint16(0), uint16(0), uint8(hostPort), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, flags, gso uint8, hdrLen, start, offset uint16, from uint8, mend bool) {
		if len(data) < wire.EthernetLen || len(data) > 9000 {
			return
		}
		b.t = t
		data = bytes.Clone(data)
		copy(data, station[:])
		copy(data[6:], guestMAC[:])
		if ip, ok := wire.ParseIPv4Header(data[wire.EthernetLen:]); ok && mend {
			ip.FillChecksum()
		}
		id := guestPort + dataplane.PortID(from)%3
		port := map[dataplane.PortID]*memport.Port{guestPort: b.guest, hostPort: b.host, uplinkPort: b.uplink}[id]
		b.sendFrame(port, id, memport.Frame{Data: data, Offload: frame.Offload{
			Flags: flags, GSO: frame.GSO(gso), HdrLen: hdrLen, GSOSize: 500, CsumStart: start, CsumOffset: offset,
		}})
		if b.guest.Lent()+b.host.Lent()+b.uplink.Lent() != 0 {
			t.Error("a frame was not released")
		}
		for _, f := range b.uplink.Sent() {
			ip, ok := wire.ParseIPv4(wire.Ethernet(f.Data).Payload())
			if !ok || !ip.ChecksumOK() || wire.Ethernet(f.Data).Src() != nicMAC || ip.Src()[0] != 192 || ip.Src()[1] != 168 || ip.Src()[2] != 122 {
				t.Errorf("sent to the outside: %x", f.Data)
			}
		}
		for _, f := range b.host.Sent() {
			ip, ok := wire.ParseIPv4(wire.Ethernet(f.Data).Payload())
			if wire.Ethernet(f.Data).Type() == wire.TypeIPv4 && (!ok || ip.Dst() != gatewayIP && ip.Dst() != outside) {
				t.Errorf("sent to the host: %x", f.Data)
			}
		}
		b.guest.Sent()
	})
}
