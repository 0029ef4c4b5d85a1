package natting

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/packet"

	"ubridge/internal/testnet"
	"ubridge/internal/wire"
)

// TestFragments sends what is longer than a frame, in both directions and out
// of order.
func TestFragments(t *testing.T) {
	b := newBed(t)
	b.echoUDP(b.server, serverAddr+":7")
	b.run("ping", func(b *bed) { b.guest.Run("ping", "-c2", "-i0.1", "-W5", "-s4000", serverAddr) })
	b.run("udp", func(b *bed) {
		conn := b.bindUDP(b.guest, ":0")
		for _, n := range []int{1473, 9000, 30000, 64000} {
			b.askUDP(conn, serverAddr+":7", random(n))
		}
	})
	b.run("udp reversed", func(b *bed) {
		want := random(5000)
		conn := b.bindUDP(b.guest, "192.168.122.11:6000")
		d := datagram("192.168.122.11:6000", serverAddr+":7", want)
		raw := b.openRaw(b.guest)
		for _, f := range slices.Backward(fragments(d, 1480)) {
			raw.send(b.gatewayMAC(), f)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		buf := make([]byte, 65536)
		n, _, err := conn.ReadFrom(buf)
		if err != nil || string(buf[max(0, n-len(want)):n]) != string(want) {
			b.Errorf("%d bytes came back, %v", n, err)
		}
	})
	b.run("udp reversed from outside", func(b *bed) {
		conn := b.bindUDP(b.guest, "192.168.122.11:6001")
		seen := b.askUDP(conn, serverAddr+":7", []byte("open"))
		want := random(5000)
		raw := b.openRaw(b.router)
		for _, f := range slices.Backward(fragments(datagram(serverAddr+":7", seen.String(), want), 1480)) {
			raw.send(b.host.MAC("eth0"), f)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		buf := make([]byte, 65536)
		n, _, err := conn.ReadFrom(buf)
		if err != nil || string(buf[:n]) != string(want) {
			b.Errorf("%d bytes came, %v", n, err)
		}
	})
}

// raw sends frames of its own making from eth0 of a namespace.
type raw struct {
	b    *bed
	conn *packet.Conn
	mac  net.HardwareAddr
}

func (b *bed) openRaw(ns *testnet.NS) raw {
	b.Helper()
	r := raw{b: b}
	r.conn = in(b, ns, func() (*packet.Conn, error) {
		dev, err := net.InterfaceByName("eth0")
		if err != nil {
			return nil, err
		}
		r.mac = dev.HardwareAddr
		return packet.Listen(dev, packet.Raw, wire.TypeIPv4, nil)
	})
	b.Cleanup(func() { _ = r.conn.Close() })
	return r
}

// send sends an IPv4 packet to a station.
func (r raw) send(to string, ip []byte) {
	r.b.Helper()
	mac, err := net.ParseMAC(to)
	if err != nil {
		r.b.Fatal(err)
	}
	frame := slices.Concat(mac, r.mac, []byte{0x08, 0x00}, ip)
	if _, err := r.conn.WriteTo(frame, &packet.Addr{HardwareAddr: mac}); err != nil {
		r.b.Fatal(err)
	}
}

// gatewayMAC is the gateway's MAC.
func (b *bed) gatewayMAC() string {
	b.Helper()
	info, err := b.api.Network(b.Context(), "default")
	if err != nil {
		b.Fatal(err)
	}
	return info.GatewayMAC
}

// datagram is an IPv4 packet with a UDP datagram, without a UDP checksum.
func datagram(from, to string, payload []byte) []byte {
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	p := make([]byte, 28, 28+len(payload))
	p[0], p[8], p[9] = 0x45, 64, wire.ProtoUDP
	binary.BigEndian.PutUint16(p[2:], uint16(28+len(payload)))
	binary.BigEndian.PutUint16(p[4:], 0x1234)
	copy(p[12:], src.Addr().AsSlice())
	copy(p[16:], dst.Addr().AsSlice())
	binary.BigEndian.PutUint16(p[20:], src.Port())
	binary.BigEndian.PutUint16(p[22:], dst.Port())
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(payload)))
	p = append(p, payload...)
	wire.IPv4(p).FillChecksum()
	return p
}

// fragments cuts a packet into pieces of step bytes, a multiple of eight.
func fragments(p []byte, step int) (all [][]byte) {
	body := p[20:]
	for at := 0; at < len(body); at += step {
		piece := body[at:min(at+step, len(body))]
		f := append(slices.Clone(p[:20]), piece...)
		field := uint16(at / 8)
		if at+step < len(body) {
			field |= 0x2000
		}
		binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
		binary.BigEndian.PutUint16(f[6:], field)
		wire.IPv4(f).FillChecksum()
		all = append(all, f)
	}
	return all
}

// TestOffloads verifies payloads with every combination of offloads at the
// guest and at the uplink.
func TestOffloads(t *testing.T) {
	b := newBed(t)
	b.serveTCP(b.server, serverAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	for _, guest := range []bool{true, false} {
		for _, uplink := range []bool{true, false} {
			b.run(fmt.Sprintf("guest %v, uplink %v", guest, uplink), func(b *bed) {
				b.guest.Offload("eth0", guest)
				b.host.Offload("vg1", guest)
				b.host.Offload("eth0", uplink)
				b.router.Offload("eth0", uplink)
				s := b.connect(b.guest, "", serverAddr+":80")
				b.exchange(s, 8<<20, 8<<20)
				b.askUDP(b.bindUDP(b.guest, ":0"), serverAddr+":7", random(9000))
				b.segmentUDP()
			})
		}
	}
}

// segmentUDP sends eight datagrams in one system call (UDP_SEGMENT), which leave
// the guest as one frame where its device can.
func (b *bed) segmentUDP() {
	b.Helper()
	const size, count, udpSegment = 1000, 8, 103 // linux/udp.h
	conn := b.bindUDP(b.guest, ":0")
	raw, err := conn.SyscallConn()
	if err == nil {
		err = option(syscall.IPPROTO_UDP, udpSegment, size)("", "", raw)
	}
	if err != nil {
		b.Fatal(err)
	}
	want := random(count * size)
	if _, err := conn.WriteTo(want, udpAddr(netip.MustParseAddrPort(serverAddr+":7"))); err != nil {
		b.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 2*size)
	for i := range count {
		n, _, err := conn.ReadFrom(buf)
		if _, got, _ := bytes.Cut(buf[:n], []byte("|")); err != nil || !bytes.Equal(got, want[i*size:(i+1)*size]) {
			b.Errorf("datagram %d of %d: %d bytes, %v", i+1, count, len(got), err)
			return
		}
	}
}
