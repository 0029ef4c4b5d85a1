package switching

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/miekg/dns"

	"ubridge/internal/api"
)

const soakTime = 5 * time.Second

// Two guests send anything, from well-formed to nonsense, for five seconds at
// once. Each frame that their kernels let go is counted where it arrived, and
// the network serves its other guests as before.
func TestSoak(t *testing.T) {
	b := newBed(t, "")
	good := b.guest(plug{})
	b.alive(good)
	one, two := b.bareTap(t), b.bareVeth(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	own := mustMAC(b.Host.MAC("ubr0"))
	var taken [2]uint64
	var wg sync.WaitGroup
	for i, write := range []func(vnet, []byte) error{one.write, two.try} {
		wg.Go(func() {
			r := &generator{rand.New(rand.NewPCG(seed, uint64(i))), []net.HardwareAddr{own, own, own, broadcast, good.mac, mac(1), mac(2)}}
			for end := time.Now().Add(soakTime); time.Now().Before(end); {
				if v, data := r.frame(); write(v, data) == nil {
					taken[i]++
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d and %d frames sent", taken[0], taken[1])
	b.settled(t, one.port, two.g.port)
	for i, port := range []string{one.port, two.g.port} {
		if p := b.d.Port(port); arrived(p) != taken[i] {
			t.Errorf("%s: %d frames arrived of %d: %+v", port, arrived(p), taken[i], p)
		}
	}
	b.alive(good)
}

// arrived is how many frames a port has accounted for on arrival.
func arrived(p api.Port) uint64 {
	return p.RxFrames + p.Drops["runt"] + p.Drops["ring-full"] + p.Drops["rx-cut"] + p.Drops["no-buffer"]
}

// Frames of any content and any vnet header from one station to another are
// each sent on or counted under a reason.
func TestEveryFrameIsAccountedFor(t *testing.T) {
	b := newBed(t, "")
	one, two := b.bareTap(t), b.bareVeth(t)
	if err := one.write(vnet{}, ether(broadcast, mac(1), experimental, 60)); err != nil {
		t.Fatal(err)
	}
	two.send(ether(mac(1), mac(2), experimental, 60)) // both are known
	b.settled(t, one.port, two.g.port)
	in, out := b.d.Port(one.port), b.d.Port(two.g.port)
	r := &generator{rand.New(rand.NewPCG(1, 2)), nil}
	const frames = 20000
	taken := uint64(0)
	for range frames {
		v, data := r.frame()
		if len(data) < 14 {
			continue
		}
		copy(data, mac(2))
		copy(data[6:], mac(1))
		if one.write(v, data) == nil {
			taken++
		}
		if taken%256 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	b.settled(t, one.port, two.g.port)
	in2, out2 := b.d.Port(one.port), b.d.Port(two.g.port)
	if got := arrived(in2) - arrived(in); got != taken || taken < frames/2 {
		t.Errorf("%d frames arrived of %d", got, taken)
	}
	left := out2.TxFrames - out.TxFrames + out2.Dropped() - out.Dropped()
	kept := in2.Dropped() - in.Dropped()
	if left+kept != taken {
		t.Errorf("%d taken: %d left or were dropped on the way out (%v), %d were dropped on arrival (%v)",
			taken, left, out2.Drops, kept, in2.Drops)
	}
	t.Logf("%d frames: in %v, out %d frames, %v", taken, in2.Drops, out2.TxFrames, out2.Drops)
	fast := b.d.Info("default").FastPath.Ports > 0 // which passes lies on, as the kernel's bridge does
	if out2.TxFrames == out.TxFrames || kept == 0 && !fast {
		t.Error("all went one way: the test proves little")
	}
}

// bare is a port of whose traffic every frame is ours: no stack sends there.
type bare struct {
	*guest
}

// bareTap is a tap held open by the test alone.
func (b *bed) bareTap(t *testing.T) *bare {
	t.Helper()
	g := &bare{guest: &guest{b: b, port: "bare"}}
	b.d.Run("port", "add", "default", g.port)
	g.wire = openTap(t, b.Host, g.port, true)
	b.d.AwaitPort(g.port, api.StateUp)
	go func() {
		buf := make([]byte, 70000)
		for {
			if _, err := g.wire.Read(buf); err != nil {
				return
			}
		}
	}()
	return g
}

func (g *bare) write(v vnet, data []byte) error {
	_, err := g.wire.Write(append(v.bytes(), data...))
	return err
}

// bareVeth is a station in a namespace whose stack is mute.
func (b *bed) bareVeth(t *testing.T) *station {
	t.Helper()
	g := &guest{b: b, ns: b.NS("mute"), port: "mute"}
	g.ns.Sysctl("net.ipv6.conf.default.disable_ipv6", "1")
	b.Veth(b.Host, g.port, g.ns, "eth0")
	b.d.Run("port", "add", "default", g.port)
	b.d.AwaitPort(g.port, api.StateUp)
	return g.station(t)
}

// generator makes frames: sound ones, and sound ones that were damaged.
type generator struct {
	*rand.Rand
	to []net.HardwareAddr // destinations; with none, a station that nobody has
}

// frame is the next frame and its vnet header.
func (r *generator) frame() (vnet, []byte) {
	dst := mac(9)
	if len(r.to) > 0 {
		dst = r.to[r.IntN(len(r.to))]
	}
	src := mac(r.IntN(2000))
	data := r.sound(dst, src)
	for r.IntN(3) == 0 {
		data = r.damage(data)
	}
	if cutTag(data) {
		data = data[:10] // refused where it is sent, or filled up with zeros
	}
	return r.vnet(len(data)), data
}

// cutTag reports whether a frame ends inside its VLAN tag or within two bytes
// behind it, which the receiving kernel reads as well: it drops such a frame
// before packet sockets could count it (skb_vlan_untag; 14 to 19 bytes on 6.18).
func cutTag(b []byte) bool {
	typ := binary.BigEndian.Uint16(b[12:])
	return (typ == 0x8100 || typ == 0x88a8) && len(b) < 20
}

// vnet is none half of the time, and otherwise something near the truth or far
// from it.
func (r *generator) vnet(n int) vnet {
	if r.IntN(2) == 0 {
		return vnet{}
	}
	v := vnet{flags: uint8(r.IntN(4)), csumStart: 34, csumOff: []uint16{6, 16}[r.IntN(2)], hdrLen: uint16(r.IntN(100))}
	if r.IntN(2) == 0 {
		v.gso, v.gsoSize = []uint8{gsoTCP4, gsoTCP6, gsoUDPL4, 2, 6, 0x81}[r.IntN(6)], uint16(r.IntN(2000))
	}
	if r.IntN(4) == 0 {
		v.csumStart, v.csumOff = uint16(r.IntN(n+20)), uint16(r.IntN(40))
	}
	return v
}

// damage changes a few bytes, cuts, or lengthens.
func (r *generator) damage(b []byte) []byte {
	switch r.IntN(4) {
	case 0:
		return b[:14+r.IntN(len(b)-13)]
	case 1:
		return append(b, make([]byte, r.IntN(3000))...)
	}
	for range 1 + r.IntN(4) {
		b[12+r.IntN(len(b)-12)] = byte(r.Uint32())
	}
	return b
}

// sound is one well-formed frame of a kind that somebody reads.
func (r *generator) sound(dst, src net.HardwareAddr) []byte {
	guest, outside := net.IP{192, 168, 122, byte(r.IntN(256))}, net.IP{203, 0, 113, byte(r.IntN(256))}
	gateway := net.IP{192, 168, 122, 1}
	port := layers.UDPPort(r.IntN(65536))
	switch r.IntN(8) {
	case 0:
		return r.make(dst, src, layers.EthernetTypeARP, &layers.ARP{
			AddrType: 1, Protocol: 0x0800, HwAddressSize: 6, ProtAddressSize: 4, Operation: uint16(1 + r.IntN(2)),
			SourceHwAddress: src, SourceProtAddress: guest, DstHwAddress: make([]byte, 6), DstProtAddress: gateway,
		})
	case 1:
		return r.udp(dst, src, net.IP{0, 0, 0, 0}, net.IP{255, 255, 255, 255}, 68, 67, &layers.DHCPv4{
			Operation: 1, HardwareType: 1, HardwareLen: 6, Xid: r.Uint32(), ClientHWAddr: src,
			Options: layers.DHCPOptions{layers.NewDHCPOption(53, []byte{byte(1 + r.IntN(8))}), layers.NewDHCPOption(50, guest)},
		})
	case 2:
		q := new(dns.Msg)
		q.SetQuestion(fmt.Sprintf("h%d.test.", r.IntN(100)), uint16(r.IntN(300)))
		text, _ := q.Pack()
		return r.udp(dst, src, guest, gateway, port, 53, gopacket.Payload(text))
	case 3:
		return r.udp(dst, src, guest, outside, port, port, gopacket.Payload(make([]byte, r.IntN(1400))))
	case 4:
		ip := &layers.IPv4{Version: 4, TTL: uint8(r.IntN(3)), Protocol: 1, SrcIP: guest, DstIP: outside}
		return r.make(dst, src, layers.EthernetTypeIPv4, ip, &layers.ICMPv4{TypeCode: layers.ICMPv4TypeCode(r.Uint32()), Id: 7}, gopacket.Payload(make([]byte, r.IntN(100))))
	case 5:
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: 6, SrcIP: guest, DstIP: outside, Flags: layers.IPv4Flag(r.IntN(8)), FragOffset: uint16(r.IntN(2) * r.IntN(8000))}
		tcp := &layers.TCP{SrcPort: layers.TCPPort(port), DstPort: 80, SYN: r.IntN(2) == 0, ACK: r.IntN(2) == 0, Window: 1000}
		_ = tcp.SetNetworkLayerForChecksum(ip)
		return r.make(dst, src, layers.EthernetTypeIPv4, ip, tcp, gopacket.Payload(make([]byte, r.IntN(1400))))
	case 6:
		ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: net.ParseIP("fe80::1"), DstIP: net.ParseIP("ff02::1")}
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(uint8(133+r.IntN(5)), 0)}
		_ = icmp.SetNetworkLayerForChecksum(ip)
		return r.make(dst, src, layers.EthernetTypeIPv6, ip, icmp, gopacket.Payload(make([]byte, 24)))
	}
	b := ether(dst, src, uint16(r.Uint32()), 14+r.IntN(1500))
	binary.BigEndian.PutUint32(b[10:], r.Uint32())
	return b
}

// udp is a datagram.
func (r *generator) udp(dst, src net.HardwareAddr, from, to net.IP, sport, dport layers.UDPPort, payload gopacket.SerializableLayer) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: 17, SrcIP: from, DstIP: to}
	u := &layers.UDP{SrcPort: sport, DstPort: dport}
	_ = u.SetNetworkLayerForChecksum(ip)
	return r.make(dst, src, layers.EthernetTypeIPv4, ip, u, payload)
}

// make puts layers behind an Ethernet header.
func (r *generator) make(dst, src net.HardwareAddr, typ layers.EthernetType, list ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	eth := &layers.Ethernet{DstMAC: dst, SrcMAC: src, EthernetType: typ}
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, append([]gopacket.SerializableLayer{eth}, list...)...)
	if err != nil {
		panic(err)
	}
	return append([]byte(nil), buf.Bytes()...)
}
