package gateway_test

import (
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// withOptions is a packet with IPv4 options, padded to a multiple of four.
func withOptions(p wire.IPv4, options ...byte) wire.IPv4 {
	for len(options)%4 != 0 {
		options = append(options, 0)
	}
	out := append(append(append(wire.IPv4{}, p[:wire.IPv4Len]...), options...), p[wire.IPv4Len:]...)
	out[0] = 0x45 + byte(len(options)/4)
	out.SetTotalLen(len(out))
	out.FillChecksum()
	return out
}

func TestASourceRouteIsRefusedBothWays(t *testing.T) {
	to, back := udp(guestIP, server, 5000, 7, nil), udp(server, outside, 7, 61000, nil)
	for name, c := range map[string]struct {
		options []byte
		want    frame.Reason
	}{
		"loose":                 {[]byte{131, 7, 4, 10, 0, 0, 1}, frame.SourceRoute},
		"strict, behind others": {[]byte{1, 7, 3, 4, 137, 7, 4, 10, 0, 0, 1}, frame.SourceRoute},
		"behind the end":        {[]byte{0, 131, 7, 4, 10, 0, 0, 1}, frame.Forwarded},
		"inside another":        {[]byte{7, 7, 4, 131, 131, 131, 131}, frame.Forwarded},
		"without a length":      {[]byte{1, 1, 1, 7}, frame.BadIP},
		"too short":             {[]byte{7, 1, 0, 0}, frame.BadIP},
		"too long":              {[]byte{7, 9, 4, 0}, frame.BadIP},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.answer(server, ready())
			b.send(b.guest, guestPort, fromGuest(withOptions(to, c.options...)))
			b.send(b.uplink, uplinkPort, ether(nicMAC, hopMAC, wire.TypeIPv4, withOptions(back, c.options...)))
			if sent := len(b.uplink.Sent()); (sent == 1) != (c.want == frame.Forwarded) {
				t.Errorf("%d sent out", sent)
			}
			if c.want != frame.Forwarded {
				b.wantDrop(guestPort, c.want)
				b.wantDrop(uplinkPort, c.want)
			}
		})
	}
}

// A tag with VLAN 0 carries a priority and nothing else: such frames are the
// router's both ways, and DHCP's.
func TestAPriorityTagIsNoVLAN(t *testing.T) {
	b := newBed(t)
	b.answer(server, ready())
	tag := func(dst, src wire.MAC, p wire.IPv4) []byte {
		return ether(dst, src, wire.TypeVLAN, append([]byte{5 << 5, 0, 8, 0}, p...))
	}
	b.send(b.guest, guestPort, tag(station, guestMAC, udp(guestIP, server, 5000, 7, []byte("out"))))
	eth, ip := parse(t, b.one(b.uplink))
	if eth.Dst() != hopMAC || eth.Src() != nicMAC || ip.Src() != outside {
		t.Errorf("to %v from %v, %v", eth.Dst(), eth.Src(), ip.Src())
	}
	u, _ := wire.ParseUDP(ip.Payload())
	b.send(b.uplink, uplinkPort, tag(nicMAC, hopMAC, udp(server, outside, 7, u.SrcPort(), []byte("in"))))
	eth, ip = parse(t, b.one(b.guest))
	if eth.Dst() != guestMAC || eth.Src() != station || ip.Dst() != guestIP {
		t.Errorf("reply to %v from %v, %v", eth.Dst(), eth.Src(), ip.Dst())
	}
	b.send(b.guest, guestPort, tag(wire.Broadcast, guestMAC, udp(wire.IP4{}, wire.IP4{255, 255, 255, 255}, 68, 67, dhcp("request"))))
	if len(b.dhcp) != 1 {
		t.Errorf("%d DHCP requests, want 1", len(b.dhcp))
	}
}

// Of what the host sends, its own enters: a host that forwards must not let its
// neighbours in.
func TestOnlyTheHostItselfReachesGuests(t *testing.T) {
	b := newBed(t)
	for src, enters := range map[wire.IP4]bool{gatewayIP: true, outside: true, server: false, {172, 17, 0, 2}: false} {
		for _, dst := range []wire.MAC{guestMAC, wire.Broadcast} {
			b.send(b.host, hostPort, ether(dst, station, wire.TypeIPv4, udp(src, guestIP, 7, 7, nil)))
			if got := len(b.guest.Sent()) == 1; got != enters {
				t.Errorf("from %v to %v: enters %v", src.Addr(), dst, got)
			}
		}
	}
	if n := b.counters(hostPort).Drops[frame.BadSource]; n != 4 {
		t.Errorf("%d drops, want 4", n)
	}
	b.send(b.host, hostPort, ether(wire.Broadcast, station, wire.TypeARP, make([]byte, 28)))
	b.one(b.guest)
}
