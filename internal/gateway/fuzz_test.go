package gateway_test

import (
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/internal/wire"
)

// Whatever a guest or the outside sends, with whatever offload, the router
// does not crash, and gives every frame back to its port.
func FuzzRouter(f *testing.F) {
	tcp := make([]byte, 20+100)
	tcp[12], tcp[13] = 0x50, wire.TCPSyn
	echo := append([]byte{wire.ICMPEcho, 0, 0, 0, 0, 7, 0, 1}, make([]byte, 40)...)
	for _, p := range []wire.IPv4{
		udp(guestIP, server, 5000, 7, []byte("x")),
		udp(guestIP, gatewayIP, 5000, 53, []byte("x")),
		udp(wire.IP4{}, wire.IP4{255, 255, 255, 255}, 68, 67, []byte("x")),
		ipv4(guestIP, server, wire.ProtoTCP, tcp),
		ipv4(guestIP, server, wire.ProtoICMP, echo),
		udp(server, outside, 7, 61000, []byte("x")),
	} {
		f.Add(fromGuest(p), uint8(0), uint8(0), uint16(0), uint16(0), uint16(0), true)
		f.Add(fromGuest(p), uint8(frame.NeedsCsum), uint8(frame.GSOTCP4), uint16(54), uint16(34), uint16(16), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, flags, gso uint8, hdrLen, start, offset uint16, inside bool) {
		if len(data) < wire.EthernetLen || len(data) > 9000 {
			return
		}
		b := newBed(t)
		b.answer(server, ready())
		copy(data, station[:]) // for the router
		copy(data[6:], guestMAC[:])
		port, id := b.guest, guestPort
		if !inside {
			port, id = b.uplink, uplinkPort
		}
		b.sendFrame(port, id, memport.Frame{Data: data, Offload: frame.Offload{
			Flags: flags, GSO: frame.GSO(gso), HdrLen: hdrLen, GSOSize: 500, CsumStart: start, CsumOffset: offset,
		}})
		if b.guest.Lent()+b.host.Lent()+b.uplink.Lent() != 0 {
			t.Error("a frame was not released")
		}
	})
}
