package gateway_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/internal/gateway"
	"ubridge/internal/wire"
)

func TestAPacketWaitsForItsNextHopAndIsTranslated(t *testing.T) {
	b := newBed(t)
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000, 7, []byte("hello"))))
	if got := <-b.asked; got != server {
		t.Fatalf("the slow path was asked for %v", got)
	}
	if n := len(b.uplink.Sent()); n != 0 {
		t.Fatalf("%d frames were sent before the next hop was known", n)
	}
	b.answer(server, ready())
	eth, ip := parse(t, b.one(b.uplink))
	if eth.Dst() != hopMAC || eth.Src() != nicMAC || ip.Src() != outside || ip.Dst() != server || ip.TTL() != 63 {
		t.Errorf("to %v from %v, %v → %v, ttl %d", eth.Dst(), eth.Src(), ip.Src(), ip.Dst(), ip.TTL())
	}
	u, _ := wire.ParseUDP(ip.Payload())
	if u.SrcPort() < 61000 || !bytes.Equal(u.Payload(), []byte("hello")) {
		t.Errorf("source port %d, payload %q", u.SrcPort(), u.Payload())
	}

	b.send(b.uplink, uplinkPort, ether(nicMAC, hopMAC, wire.TypeIPv4, udp(server, outside, 7, u.SrcPort(), []byte("olleh"))))
	eth, ip = parse(t, b.one(b.guest))
	if eth.Dst() != guestMAC || eth.Src() != station || ip.Dst() != guestIP || ip.TTL() != 63 {
		t.Errorf("reply to %v from %v, %v → %v, ttl %d", eth.Dst(), eth.Src(), ip.Src(), ip.Dst(), ip.TTL())
	}
}

func TestOnlyAFewFramesWaitForANextHop(t *testing.T) {
	b := newBed(t)
	for i := range uint16(5) {
		b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000+i, 7, nil)))
	}
	if n := b.counters(guestPort).Drops[frame.NextHopWait]; n != 2 {
		t.Errorf("%d frames were dropped, want 2", n)
	}
	b.answer(server, ready())
	if n := len(b.uplink.Sent()); n != 3 {
		t.Errorf("%d frames were sent, want the 3 that waited", n)
	}
}

func TestANextHopThatNeverComesDropsWhatWaits(t *testing.T) {
	b := newBed(t)
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000, 7, nil)))
	deadline := time.Now().Add(10 * time.Second)
	for n := uint64(0); n == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the frame still waits")
		}
		n = b.counters(guestPort).Drops[frame.NeighbourFailed]
		time.Sleep(50 * time.Millisecond)
	}
}

func TestAnAnswerFromBeforeAChangeIsAskedForAgain(t *testing.T) {
	b := newBed(t)
	p := fromGuest(udp(guestIP, server, 5000, 7, nil))
	b.send(b.guest, guestPort, p)
	<-b.asked
	b.do(func(*dataplane.Worker) { b.r.RoutingChanged() })
	b.answer(server, ready())
	for deadline := time.Now().Add(5 * time.Second); len(b.asked) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("an answer that may be older than the change is believed")
		}
		b.send(b.guest, guestPort, p)
	}
}

func TestAnUplinkThatWasNotOpenIsAskedForAgain(t *testing.T) {
	b := newBed(t)
	p := fromGuest(udp(guestIP, server, 5000, 7, nil))
	b.send(b.guest, guestPort, p)
	<-b.asked
	closed := ready()
	closed.Port = dataplane.NoPort
	b.answer(server, closed)
	b.wantDrop(guestPort, frame.UplinkDown)
	for deadline := time.Now().Add(5 * time.Second); len(b.asked) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the slow path is not asked again")
		}
		b.send(b.guest, guestPort, p)
	}
}

func TestALostOutsideAddressIsNotUsedAgain(t *testing.T) {
	b := newBed(t)
	p := fromGuest(udp(guestIP, server, 5000, 7, nil))
	b.answer(server, ready())
	b.send(b.guest, guestPort, p)
	b.one(b.uplink)
	b.do(func(w *dataplane.Worker) { b.r.DropOutside(w.Now(), outside) })
	b.send(b.guest, guestPort, p)
	if n := len(b.uplink.Sent()); n != 0 {
		t.Errorf("%d frames left with an address that the host does not have", n)
	}
	moved := ready()
	moved.Outside = wire.IP4{10, 9, 0, 3}
	b.answer(server, moved)
	if _, ip := parse(t, b.one(b.uplink)); ip.Src() != moved.Outside {
		t.Errorf("the frame that waited left as %v", ip.Src())
	}
}

func TestTheHostIsReachedOnTheLastHop(t *testing.T) {
	b := newBed(t)
	b.answer(server, gateway.Hop{State: gateway.HopLocal, Port: dataplane.NoPort})
	p := udp(guestIP, server, 5000, 7, nil)
	p[8] = 1
	p.FillChecksum()
	b.send(b.guest, guestPort, fromGuest(p))
	b.one(b.host)
}

func TestWhatIsNotRoutedIsDroppedByName(t *testing.T) {
	badSum := fromGuest(udp(guestIP, server, 5000, 7, nil))
	badSum[24] ^= 1
	tagged := ether(station, guestMAC, wire.TypeVLAN, append([]byte{0, 5, 8, 0}, udp(guestIP, server, 1, 2, nil)...))
	for _, c := range []struct {
		name  string
		frame []byte
		want  frame.Reason
	}{
		{"wrong header checksum", badSum, frame.BadIP},
		{"truncated header", ether(station, guestMAC, wire.TypeIPv4, []byte{0x45, 0, 0, 20, 0, 0, 0, 0}), frame.BadIP},
		{"header length of nought", ether(station, guestMAC, wire.TypeIPv4, append([]byte{0x40}, make([]byte, 45)...)), frame.BadIP},
		{"foreign source", fromGuest(udp(wire.IP4{10, 0, 0, 1}, server, 1, 2, nil)), frame.BadSource},
		{"the gateway's source", fromGuest(udp(gatewayIP, server, 1, 2, nil)), frame.BadSource},
		{"the broadcast address as source", fromGuest(udp(wire.IP4{192, 168, 122, 255}, server, 1, 2, nil)), frame.BadSource},
		{"multicast", fromGuest(udp(guestIP, wire.IP4{224, 0, 0, 251}, 5353, 5353, nil)), frame.LocalScope},
		{"limited broadcast", fromGuest(udp(guestIP, wire.IP4{255, 255, 255, 255}, 1, 2, nil)), frame.LocalScope},
		{"directed broadcast", fromGuest(udp(guestIP, wire.IP4{192, 168, 122, 255}, 1, 2, nil)), frame.LocalScope},
		{"link-local", fromGuest(udp(guestIP, wire.IP4{169, 254, 1, 1}, 1, 2, nil)), frame.LocalScope},
		{"loopback", fromGuest(udp(guestIP, wire.IP4{127, 0, 0, 1}, 1, 2, nil)), frame.LocalScope},
		{"this network", fromGuest(udp(guestIP, wire.IP4{0, 0, 0, 1}, 1, 2, nil)), frame.LocalScope},
		{"another guest", fromGuest(udp(guestIP, wire.IP4{192, 168, 122, 9}, 1, 2, nil)), frame.OwnSubnet},
		{"IPv6", ether(station, guestMAC, wire.TypeIPv6, make([]byte, 46)), frame.NotRouted},
		{"on a VLAN", tagged, frame.ForeignTag},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			b.send(b.guest, guestPort, c.frame)
			b.wantDrop(guestPort, c.want)
			if n := len(b.host.Sent()) + len(b.uplink.Sent()); n != 0 {
				t.Errorf("%d frames were sent all the same", n)
			}
		})
	}
}

func TestTheHostGetsItsOwn(t *testing.T) {
	b := newBed(t)
	arp := ether(station, guestMAC, wire.TypeARP, make([]byte, 46))
	b.send(b.guest, guestPort, arp, fromGuest(udp(guestIP, gatewayIP, 5000, 9999, nil)))
	if n := len(b.host.Sent()); n != 2 {
		t.Errorf("the host got %d frames, want ARP and the datagram", n)
	}
	other := wire.IP4{10, 9, 0, 2}
	b.answer(other, gateway.Hop{State: gateway.HopLocal})
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, other, 5000, 22, nil)))
	_, ip := parse(t, b.one(b.host))
	if ip.Src() != guestIP || ip.TTL() != 64 {
		t.Errorf("the host sees %v with ttl %d: it must be untranslated and unrouted", ip.Src(), ip.TTL())
	}
}

// wantError checks that the guest got an ICMP error that quotes its packet.
func (b *bed) wantError(typ, code byte, info uint32, about wire.IPv4) {
	b.t.Helper()
	eth, ip := parse(b.t, b.one(b.guest))
	m, ok := wire.ParseICMP(ip.Payload())
	if !ok || eth.Dst() != guestMAC || eth.Src() != station || ip.Src() != gatewayIP || ip.Dst() != about.Src() {
		b.t.Fatalf("no ICMP error from the gateway: %x", ip)
	}
	if m.Type() != typ || m.Code() != code || binary.BigEndian.Uint32(m[4:]) != info {
		b.t.Errorf("type %d code %d info %d, want %d %d %d", m.Type(), m.Code(), binary.BigEndian.Uint32(m[4:]), typ, code, info)
	}
	if !bytes.HasPrefix(about, m.Embedded()) || len(m.Embedded()) < wire.IPv4Len+8 {
		b.t.Errorf("it quotes %x", m.Embedded())
	}
	if len(ip) > 576 {
		b.t.Errorf("it is %d bytes long", len(ip))
	}
}

func TestUnreachableDestinationsAreAnswered(t *testing.T) {
	for _, c := range []struct {
		name string
		hop  gateway.Hop
		code byte
		want frame.Reason
	}{
		{"no route", gateway.Hop{State: gateway.HopNoRoute}, wire.ICMPCodeNet, frame.NoRoute},
		{"no neighbour", gateway.Hop{State: gateway.HopUnresolved}, wire.ICMPCodeHost, frame.NeighbourFailed},
		{"refused", gateway.Hop{State: gateway.HopRefused}, wire.ICMPCodeProhibited, frame.Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			b.answer(server, c.hop)
			p := udp(guestIP, server, 5000, 7, make([]byte, 1000))
			b.send(b.guest, guestPort, fromGuest(p))
			b.wantDrop(guestPort, c.want)
			b.wantError(wire.ICMPUnreachable, c.code, 0, p)
		})
	}
}

func TestAVirtualNetworkIsOpenOnlyToThoseWhoNameIt(t *testing.T) {
	b := newBed(t)
	hop := ready()
	hop.Virtual = true
	b.answer(server, hop)
	p := udp(guestIP, server, 5000, 7, nil)
	b.send(b.guest, guestPort, fromGuest(p))
	b.wantDrop(guestPort, frame.Refused)
	b.wantError(wire.ICMPUnreachable, wire.ICMPCodeProhibited, 0, p)
	b.do(func(*dataplane.Worker) { b.r.SetEgress(bridgeID, []int32{hop.Device}) })
	b.send(b.guest, guestPort, fromGuest(p))
	b.one(b.uplink)
}

func TestTheLastHopIsAnswered(t *testing.T) {
	b := newBed(t)
	p := udp(guestIP, server, 5000, 33434, nil)
	p[8] = 1
	p.FillChecksum()
	b.send(b.guest, guestPort, fromGuest(p))
	b.wantDrop(guestPort, frame.TTLExceeded)
	b.wantError(wire.ICMPTimeExceeded, 0, 0, p)
}

func TestErrorsAreNotAnsweredByErrors(t *testing.T) {
	b := newBed(t)
	b.answer(server, gateway.Hop{State: gateway.HopNoRoute})
	icmp := make([]byte, 36)
	icmp[0] = wire.ICMPUnreachable
	b.send(b.guest, guestPort, fromGuest(ipv4(guestIP, server, wire.ProtoICMP, icmp)))
	b.wantDrop(guestPort, frame.NoRoute)
	if n := len(b.guest.Sent()); n != 0 {
		t.Errorf("%d errors were sent", n)
	}
}

func TestErrorsAreRateLimited(t *testing.T) {
	b := newBed(t)
	b.answer(server, gateway.Hop{State: gateway.HopNoRoute})
	for i := range uint16(400) {
		b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, i, 7, nil)))
	}
	if n := len(b.guest.Sent()); n < 200 || n > 300 {
		t.Errorf("%d errors to 400 packets at once, want a burst of 200 and a few", n)
	}
}

func TestAPacketLongerThanTheWay(t *testing.T) {
	long := func(df bool) wire.IPv4 {
		p := udp(guestIP, server, 5000, 7, bytes.Repeat([]byte("0123456789"), 140))
		if df {
			p[6] = 0x40
		}
		p.FillChecksum()
		return p
	}
	t.Run("with DF is answered", func(t *testing.T) {
		b := newBed(t)
		hop := ready()
		hop.MTU = 1400
		b.answer(server, hop)
		p := long(true)
		b.send(b.guest, guestPort, fromGuest(p))
		b.wantDrop(guestPort, frame.NeedsFrag)
		b.wantError(wire.ICMPUnreachable, wire.ICMPCodeFragNeeded, 1400, p)
	})
	t.Run("without DF is fragmented", func(t *testing.T) {
		b := newBed(t)
		hop := ready()
		hop.MTU = 576
		b.answer(server, hop)
		p := long(false)
		b.send(b.guest, guestPort, fromGuest(p))
		whole := make([]byte, len(p.Payload()))
		sent := b.uplink.Sent()
		if len(sent) != 3 {
			t.Fatalf("%d fragments, want 3", len(sent))
		}
		for i, f := range sent {
			_, ip := parse(t, f.Data)
			if len(ip) > 576 || ip.MoreFragments() != (i < 2) || ip.ID() != p.ID() {
				t.Errorf("fragment %d: %d bytes, more %v", i, len(ip), ip.MoreFragments())
			}
			copy(whole[ip.FragmentOffset():], ip.Payload())
		}
		if sum := wire.Fold(wire.Sum(whole, wire.PseudoIPv4(outside, server, wire.ProtoUDP, len(whole)))); sum != 0xffff {
			t.Error("the reassembled datagram has a wrong checksum")
		}
		if !bytes.Equal(whole[8:], p.Payload()[8:]) {
			t.Error("the payload changed")
		}
	})
	t.Run("a superframe whose segments are too long is answered", func(t *testing.T) {
		b := newBed(t)
		hop := ready()
		hop.MTU = 1400
		b.answer(server, hop)
		tcp := make([]byte, 20+4000)
		tcp[12], tcp[13] = 0x50, wire.TCPAck
		p := ipv4(guestIP, server, wire.ProtoTCP, tcp)
		b.sendFrame(b.guest, guestPort, memport.Frame{Data: fromGuest(p), Offload: frame.Offload{
			Flags: frame.NeedsCsum, GSO: frame.GSOTCP4, HdrLen: 54, GSOSize: 1460, CsumStart: 34, CsumOffset: 16,
		}})
		b.wantDrop(guestPort, frame.NeedsFrag)
		b.wantError(wire.ICMPUnreachable, wire.ICMPCodeFragNeeded, 1400, p)
	})
}

func TestFragmentsInReverseOrderArriveInside(t *testing.T) {
	b := newBed(t)
	b.answer(server, ready())
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000, 7, nil)))
	_, ip := parse(t, b.one(b.uplink))
	out, _ := wire.ParseUDP(ip.Payload())
	whole := udp(server, outside, 7, out.SrcPort(), bytes.Repeat([]byte("abcdefgh"), 200))
	first, last := ipv4(server, outside, wire.ProtoUDP, whole.Payload()[:800]), ipv4(server, outside, wire.ProtoUDP, whole.Payload()[800:])
	binary.BigEndian.PutUint16(first[6:], 0x2000)
	binary.BigEndian.PutUint16(last[6:], 100)
	first.FillChecksum()
	last.FillChecksum()
	b.send(b.uplink, uplinkPort, ether(nicMAC, hopMAC, wire.TypeIPv4, last))
	if n := len(b.guest.Sent()); n != 0 {
		t.Fatalf("%d fragments went on before the first", n)
	}
	b.send(b.uplink, uplinkPort, ether(nicMAC, hopMAC, wire.TypeIPv4, first))
	sent := b.guest.Sent()
	if len(sent) != 2 {
		t.Fatalf("%d fragments went on, want 2", len(sent))
	}
	body := make([]byte, 8+1600)
	for _, f := range sent {
		eth, ip := parse(t, f.Data)
		if eth.Dst() != guestMAC || eth.Src() != station || ip.Dst() != guestIP || ip.TTL() != 63 {
			t.Errorf("fragment to %v from %v, %v, ttl %d", eth.Dst(), eth.Src(), ip.Dst(), ip.TTL())
		}
		copy(body[ip.FragmentOffset():], ip.Payload())
	}
	if wire.Fold(wire.Sum(body, wire.PseudoIPv4(server, guestIP, wire.ProtoUDP, len(body)))) != 0xffff {
		t.Error("the reassembled datagram has a wrong checksum")
	}
}

func TestFromOutsideOnlyFlowsEnter(t *testing.T) {
	b := newBed(t)
	b.answer(server, ready())
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000, 7, nil)))
	_, ip := parse(t, b.one(b.uplink))
	u, _ := wire.ParseUDP(ip.Payload())
	in := func(src wire.IP4, sport, dport uint16) []byte {
		return ether(nicMAC, hopMAC, wire.TypeIPv4, udp(src, outside, sport, dport, nil))
	}
	b.send(b.uplink, uplinkPort, in(server, 8, u.SrcPort()), in(wire.IP4{203, 0, 113, 1}, 7, u.SrcPort()), in(server, 7, u.SrcPort()^1))
	if n := len(b.guest.Sent()); n != 0 {
		t.Errorf("%d frames entered", n)
	}
	if d := b.counters(uplinkPort).Drops; d[frame.Filtered] != 2 || d[frame.NoMapping] != 1 {
		t.Errorf("drops: %d filtered, %d no-mapping; want 2 and 1", d[frame.Filtered], d[frame.NoMapping])
	}
}

func TestDNSIsAnsweredInPlaceAndOnlyAtTheGateway(t *testing.T) {
	b := newBed(t)
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, gatewayIP, 5353, 53, []byte("who is there"))))
	var sent []memport.Frame
	for deadline := time.Now().Add(5 * time.Second); len(sent) == 0 && time.Now().Before(deadline); {
		sent = b.guest.Sent()
	}
	if len(sent) != 1 {
		t.Fatalf("%d answers", len(sent))
	}
	eth, ip := parse(t, sent[0].Data)
	u, _ := wire.ParseUDP(ip.Payload())
	if eth.Dst() != guestMAC || ip.Src() != gatewayIP || u.SrcPort() != 53 || u.DstPort() != 5353 || string(u.Payload()) != "re: who is there" {
		t.Errorf("answer %v → %v: %q", ip.Src(), ip.Dst(), u.Payload())
	}
	bad := udp(guestIP, gatewayIP, 5353, 53, []byte("who is there"))
	bad[len(bad)-1] ^= 1
	b.send(b.guest, guestPort, fromGuest(bad))
	b.wantDrop(guestPort, frame.BadTransport)
}

// What is no message of a service goes no further than the router.
func TestNonsenseToTheServicesIsDropped(t *testing.T) {
	answer := []byte("an answer, not a query")
	answer[2] |= 0x80
	short, fromServer, noCookie := dhcp("")[:239], dhcp(""), dhcp("")
	fromServer[0], noCookie[239] = 2, 0
	for name, packet := range map[string][]byte{
		"a short query":        udp(guestIP, gatewayIP, 5353, 53, []byte("short query")),
		"an answer":            udp(guestIP, gatewayIP, 5353, 53, answer),
		"a short DHCP message": udp(guestIP, gatewayIP, 68, 67, short),
		"a server's message":   udp(guestIP, gatewayIP, 68, 67, fromServer),
		"BOOTP of old":         udp(guestIP, gatewayIP, 68, 67, noCookie),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.send(b.guest, guestPort, fromGuest(packet))
			b.wantDrop(guestPort, frame.BadService)
			if len(b.dhcp) != 0 || len(b.guest.Sent()) != 0 {
				t.Error("a service got it")
			}
		})
	}
}

// dhcp is a client's message that ends in some text.
func dhcp(text string) []byte {
	m := make([]byte, 240, 300)
	m[0] = 1
	copy(m[236:], "\x63\x82\x53\x63")
	return append(m, text...)
}

func TestDHCPIsTakenWhereverItIsSent(t *testing.T) {
	b := newBed(t)
	anycast := wire.IP4{255, 255, 255, 255}
	b.send(b.guest, guestPort, ether(wire.Broadcast, guestMAC, wire.TypeIPv4, udp(wire.IP4{}, anycast, 68, 67, dhcp("discover"))))
	if got := <-b.dhcp; string(got) != string(dhcp("discover")) {
		t.Errorf("DHCP got %q", got)
	}
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, gatewayIP, 68, 67, dhcp("renew"))))
	if got := <-b.dhcp; string(got) != string(dhcp("renew")) {
		t.Errorf("DHCP got %q", got)
	}
	if n := len(b.host.Sent()); n != 0 {
		t.Errorf("the host got %d DHCP frames", n)
	}
	b.busy = true
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, gatewayIP, 68, 67, dhcp("renew"))))
	b.wantDrop(guestPort, frame.ServiceBusy)
}

func TestAStaleHopIsUsedWhileItIsAskedForAgain(t *testing.T) {
	b := newBed(t)
	b.answer(server, ready())
	b.do(func(*dataplane.Worker) { b.r.RoutingChanged() })
	time.Sleep(600 * time.Millisecond) // beyond the pause between two questions
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000, 7, nil)))
	b.one(b.uplink)
	select {
	case got := <-b.asked:
		if got != server {
			t.Errorf("asked for %v", got)
		}
	default:
		t.Error("the slow path was not asked again")
	}
}

func TestManyFramesThatWaitedForNothingAreAllAnswered(t *testing.T) {
	b := newBed(t)
	var sent []wire.IPv4
	for i := range byte(12) { // as many destinations, up to three frames each
		for range 3 {
			p := udp(guestIP, wire.IP4{198, 51, 100, i}, 5000, 7, bytes.Repeat([]byte{i}, 200))
			sent = append(sent, p)
			b.send(b.guest, guestPort, fromGuest(p))
		}
	}
	waited := 36 - int(b.counters(guestPort).Drops[frame.NextHopWait])
	for i := range byte(12) {
		b.answer(wire.IP4{198, 51, 100, i}, gateway.Hop{State: gateway.HopNoRoute})
	}
	errors := b.guest.Sent()
	if len(errors) != waited {
		t.Errorf("%d errors for %d frames that waited", len(errors), waited)
	}
	for i, f := range errors {
		_, ip := parse(t, f.Data)
		if m, _ := wire.ParseICMP(ip.Payload()); !bytes.Equal(m.Embedded(), sent[i]) {
			t.Errorf("error %d quotes another packet", i)
		}
	}
}

func TestAPortAsksOnlySoMuch(t *testing.T) {
	b := newBed(t)
	frames := make([]memport.Frame, 2000)
	for i := range frames {
		frames[i].Data = fromGuest(udp(guestIP, wire.IP4{198, 51, byte(i >> 8), byte(i)}, 5000, 7, nil))
	}
	before := b.counters(guestPort).RxFrames
	start := time.Now()
	b.guest.Inject(frames...)
	for b.counters(guestPort).RxFrames < before+uint64(len(frames)) {
		time.Sleep(time.Millisecond)
	}
	if most := 510 + int(1000*time.Since(start).Seconds()); len(b.asked) > most || len(b.asked) < 500 {
		t.Errorf("%d questions, want 500 to %d", len(b.asked), most)
	}
}

func TestAPacketFromOutsideLongerThanTheGuestsMTUIsAnswered(t *testing.T) {
	b := newBed(t)
	b.answer(server, ready())
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000, 7, nil)))
	_, ip := parse(t, b.one(b.uplink))
	u, _ := wire.ParseUDP(ip.Payload())
	long := udp(server, outside, 7, u.SrcPort(), make([]byte, 3000))
	long[6] = 0x40
	long.FillChecksum()
	b.send(b.uplink, uplinkPort, ether(nicMAC, hopMAC, wire.TypeIPv4, long))
	b.wantDrop(uplinkPort, frame.NeedsFrag)
	if n := len(b.guest.Sent()); n != 0 {
		t.Errorf("%d frames went to the guest", n)
	}
	eth, ip := parse(t, b.one(b.uplink))
	m, ok := wire.ParseICMP(ip.Payload())
	if !ok || eth.Dst() != hopMAC || ip.Src() != outside || ip.Dst() != server {
		t.Fatalf("no ICMP error to the remote: %x", ip)
	}
	if m.Type() != wire.ICMPUnreachable || m.Code() != wire.ICMPCodeFragNeeded || binary.BigEndian.Uint32(m[4:]) != 1500 {
		t.Errorf("type %d code %d info %d", m.Type(), m.Code(), binary.BigEndian.Uint32(m[4:]))
	}
	if quoted := m.Embedded(); !bytes.Equal(quoted[12:28], long[12:28]) {
		t.Errorf("it quotes %x, want addresses and ports as sent: %x", quoted[12:28], long[12:28])
	}
}

func TestAFrameToAnUplinkThatIsGoneIsCounted(t *testing.T) {
	b := newBed(t)
	b.answer(server, ready())
	b.do(func(w *dataplane.Worker) {
		if err := w.RemovePort(uplinkPort).Close(); err != nil {
			t.Error(err)
		}
	})
	b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000, 7, nil)))
	b.wantDrop(guestPort, frame.UplinkDown)
}
