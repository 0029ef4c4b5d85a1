package gateway_test

import (
	"bytes"
	"testing"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/internal/wire"
)

// Whatever a guest, the host or the outside sends, with whatever offload, the
// router does not crash, gives every frame back to its port, and sends nothing
// to the outside that does not come from the outside address.
func FuzzRouter(f *testing.F) {
	b := newBed(f)
	b.answer(server, ready())
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
		f.Add(fromGuest(p), uint8(0), uint8(0), uint16(0), uint16(0), uint16(0), uint8(guestPort), true)
		f.Add(fromGuest(p), uint8(frame.NeedsCsum), uint8(frame.GSOTCP4), uint16(54), uint16(34), uint16(16), uint8(uplinkPort), true)
		f.Add(fromGuest(p), uint8(0), uint8(0), uint16(0), uint16(0), uint16(0), uint8(hostPort), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, flags, gso uint8, hdrLen, start, offset uint16, from uint8, mend bool) {
		if len(data) < wire.EthernetLen || len(data) > 9000 {
			return
		}
		b.t = t
		data = bytes.Clone(data)
		copy(data, station[:]) // for the router
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
		b.check()
	})
}

// check looks at what was sent since the last look.
func (b *bed) check() {
	b.t.Helper()
	for _, f := range b.uplink.Sent() {
		ip, ok := wire.ParseIPv4(wire.Ethernet(f.Data).Payload())
		if !ok || !ip.ChecksumOK() || ip.Src() != outside || wire.Ethernet(f.Data).Src() != nicMAC {
			b.t.Errorf("sent to the outside: %x", f.Data)
		}
	}
	for _, f := range b.host.Sent() {
		ip, ok := wire.ParseIPv4(wire.Ethernet(f.Data).Payload())
		if wire.Ethernet(f.Data).Type() == wire.TypeIPv4 && (!ok || ip.Dst() != gatewayIP) {
			b.t.Errorf("sent to the host: %x", f.Data)
		}
	}
	b.guest.Sent()
}
