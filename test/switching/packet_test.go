package switching

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// packet says what a test packet is made of; gopacket, which shares no code with
// ubridge, makes and reads it.
type packet struct {
	dst, src net.HardwareAddr
	tags     []uint16 // VLAN tags, outermost first
	v6, udp  bool
	payload  []byte
}

var (
	ip4src, ip4dst = net.IP{192, 168, 122, 240}, net.IP{192, 168, 122, 241}
	ip6src, ip6dst = net.ParseIP("fd00::240"), net.ParseIP("fd00::241")
)

const firstSeq = 1000

// headers are the layers before the transport, and the transport.
func (p packet) headers() (list []gopacket.SerializableLayer, transport gopacket.SerializableLayer) {
	inner, proto := layers.EthernetTypeIPv4, layers.IPProtocolTCP
	if p.v6 {
		inner = layers.EthernetTypeIPv6
	}
	if p.udp {
		proto = layers.IPProtocolUDP
	}
	types := []layers.EthernetType{}
	for range p.tags {
		types = append(types, layers.EthernetTypeDot1Q)
	}
	types = append(types, inner)
	list = append(list, &layers.Ethernet{DstMAC: p.dst, SrcMAC: p.src, EthernetType: types[0]})
	for i, id := range p.tags {
		list = append(list, &layers.Dot1Q{VLANIdentifier: id, Priority: 5, Type: types[i+1]})
	}
	var ip interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	} = &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: ip4src, DstIP: ip4dst}
	if p.v6 {
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: ip6src, DstIP: ip6dst}
	}
	list = append(list, ip)
	if p.udp {
		u := &layers.UDP{SrcPort: 4000, DstPort: 4001}
		_ = u.SetNetworkLayerForChecksum(ip)
		return list, u
	}
	tcp := &layers.TCP{SrcPort: 4000, DstPort: 4001, Seq: firstSeq, ACK: true, PSH: true, Window: 1000}
	_ = tcp.SetNetworkLayerForChecksum(ip)
	return list, tcp
}

// whole is the packet with nothing left undone, and where its transport starts.
func (p packet) whole(t *testing.T) (data []byte, start int) {
	t.Helper()
	list, transport := p.headers()
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, append(list, transport, gopacket.Payload(p.payload))...); err != nil {
		t.Fatal(err)
	}
	start = 14 + 4*len(p.tags) + 20
	if p.v6 {
		start += 20
	}
	return bytes.Clone(buf.Bytes()), start
}

// unfinished is the packet as a guest with offloads sends it: the checksum holds
// the pseudo-header's sum, and with size it is a superframe.
func (p packet) unfinished(t *testing.T, size int) (vnet, []byte) {
	t.Helper()
	data, start := p.whole(t)
	off, hdr, gso := 16, 20, uint8(gsoTCP4)
	if p.v6 {
		gso = gsoTCP6
	}
	if p.udp {
		off, hdr, gso = 6, 8, gsoUDPL4
	}
	binary.BigEndian.PutUint16(data[start+off:], p.pseudo(len(data)-start))
	v := vnet{flags: needsCsum, csumStart: uint16(start), csumOff: uint16(off)}
	if size > 0 {
		v.gso, v.gsoSize, v.hdrLen = gso, uint16(size), uint16(start+hdr)
	}
	return v, data
}

// pseudo is the folded sum of the pseudo-header for n bytes of transport.
func (p packet) pseudo(n int) uint16 {
	src, dst, proto := ip4src, ip4dst, byte(6)
	if p.v6 {
		src, dst = ip6src, ip6dst
	}
	if p.udp {
		proto = 17
	}
	return sum(src, dst, []byte{0, proto, 0, 0, byte(n >> 16), 0, byte(n >> 8), byte(n)})
}

// sum is the Internet checksum's sum, folded, not inverted (RFC 1071); parts but
// the last have an even length.
func sum(parts ...[]byte) uint16 {
	s := uint32(0)
	for _, b := range parts {
		for i, v := range b {
			s += uint32(v) << (8 * (1 - i%2))
		}
		for s > 0xffff {
			s = s>>16 + s&0xffff
		}
	}
	return uint16(s)
}

// payload is n bytes that tell a swapped or a stale segment from the right one.
func payload(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(7, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// check reads a received frame that must be p or a part of it: tags, addresses
// and checksums. It returns the payload and where in p's it belongs.
func (p packet) check(t *testing.T, f seen) (at int, data []byte) {
	t.Helper()
	pkt := gopacket.NewPacket(f.data, layers.LayerTypeEthernet, gopacket.NoCopy)
	var tags []uint16
	for _, l := range pkt.Layers() {
		if tag, ok := l.(*layers.Dot1Q); ok {
			tags = append(tags, tag.VLANIdentifier)
			if tag.Priority != 5 {
				t.Errorf("tag %d has priority %d, want 5", tag.VLANIdentifier, tag.Priority)
			}
		}
	}
	if len(tags) != len(p.tags) || len(tags) > 0 && tags[0] != p.tags[0] {
		t.Errorf("tags %v, want %v", tags, p.tags)
	}
	if ip, ok := pkt.NetworkLayer().(*layers.IPv4); ok && sum(ip.Contents) != 0xffff {
		t.Errorf("IP header checksum is wrong: %x", ip.Contents)
	}
	tl := pkt.TransportLayer()
	if tl == nil {
		t.Fatalf("no transport in %d bytes: %v", len(f.data), pkt)
	}
	segment := append(bytes.Clone(tl.LayerContents()), tl.LayerPayload()...)
	p.checkSum(t, f.vnet, segment)
	if tcp, ok := tl.(*layers.TCP); ok {
		at = int(tcp.Seq) - firstSeq
	}
	return at, tl.LayerPayload()
}

// checkSum holds the transport's checksum to what the vnet header says of it.
func (p packet) checkSum(t *testing.T, v vnet, segment []byte) {
	t.Helper()
	pseudo := p.pseudo(len(segment))
	if v.flags&needsCsum != 0 {
		got := binary.BigEndian.Uint16(segment[v.csumOff:])
		if got != pseudo {
			t.Errorf("unfinished checksum %#x, want the pseudo-header's %#x", got, pseudo)
		}
		return
	}
	if v.flags&2 == 0 && sum([]byte{byte(pseudo >> 8), byte(pseudo)}, segment) != 0xffff { // 2: verified, or made, on the way
		t.Errorf("checksum of %d bytes is wrong", len(segment))
	}
}
