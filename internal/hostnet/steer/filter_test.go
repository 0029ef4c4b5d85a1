package steer

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet/internal/nstest"
)

// wire is a tap or tun of a namespace whose other end the test holds, so that
// it decides on each byte of what the host receives.
type wire struct {
	ns      *nstest.NS
	fd      int
	ifindex int
	l3      bool
}

func newWire(t *testing.T, l3 bool) *wire {
	t.Helper()
	w := &wire{ns: nstest.New(t), l3: l3}
	flags := uint16(unix.IFF_NO_PI | unix.IFF_TAP)
	if l3 {
		flags = unix.IFF_NO_PI | unix.IFF_TUN
	}
	w.ns.Must(func() (err error) {
		w.fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		req, err := unix.NewIfreq("u0")
		if err != nil {
			return err
		}
		req.SetUint16(flags)
		return unix.IoctlIfreq(w.fd, unix.TUNSETIFF, req)
	})
	t.Cleanup(func() { _ = unix.Close(w.fd) })
	if !l3 {
		w.ns.Run("ip link set u0 address 02:00:00:00:00:01")
	}
	w.up(t)
	return w
}

func (w *wire) up(t *testing.T) {
	t.Helper()
	w.ns.Run("sysctl -q -w net.ipv6.conf.u0.disable_ipv6=1\nip addr add 10.9.0.1/24 dev u0\nip link set u0 up")
	w.ifindex = index(t, w.ns, "u0")
}

// packet describes what comes in on the wire; zero values are a whole TCP SYN
// to the host's address.
type packet struct {
	name    string
	dst     string
	mac     string
	proto   layers.IPProtocol
	port    uint16
	options int // bytes of IP options
	offset  uint16
	more    bool
	tagged  bool // with vid, 0 for a mere priority
	vid     uint16
	id      uint16

	passes bool // through the uplink's socket filter
}

// fataler is what testing and rapid have in common.
type fataler interface{ Fatal(args ...any) }

func (w *wire) encode(t fataler, p packet) []byte {
	ip := &layers.IPv4{
		Version: 4, TTL: 9, Id: p.id, Protocol: p.proto, FragOffset: p.offset,
		SrcIP: netip.MustParseAddr("10.9.0.2").AsSlice(), DstIP: netip.MustParseAddr(p.dst).AsSlice(),
	}
	if p.more {
		ip.Flags = layers.IPv4MoreFragments
	}
	for range p.options {
		ip.Options = append(ip.Options, layers.IPv4Option{OptionType: 1, OptionLength: 1})
	}
	payload := make([]byte, 24)
	payload[2], payload[3], payload[12] = byte(p.port>>8), byte(p.port), 5<<4
	var stack []gopacket.SerializableLayer
	if !w.l3 {
		stack = append(stack, w.ethernet(p)...)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, append(stack, ip, gopacket.Payload(payload))...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (w *wire) ethernet(p packet) []gopacket.SerializableLayer {
	dst := [6]byte{2, 0, 0, 0, 0, 1}
	if p.mac == "other" {
		dst[5] = 9
	}
	eth := &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 2}, DstMAC: dst[:], EthernetType: layers.EthernetTypeIPv4}
	if !p.tagged {
		return []gopacket.SerializableLayer{eth}
	}
	eth.EthernetType = layers.EthernetTypeDot1Q
	tag := &layers.Dot1Q{VLANIdentifier: p.vid, Type: layers.EthernetTypeIPv4}
	return []gopacket.SerializableLayer{eth, tag}
}

// TestUplinkSocketFilter feeds packets to the device, with and without a link
// header, and sees which of them the filtered socket delivers, whole.
func TestUplinkSocketFilter(t *testing.T) {
	tcp, udp, icmp := layers.IPProtocolTCP, layers.IPProtocolUDP, layers.IPProtocolICMPv4
	cases := []packet{
		{name: "held tcp", proto: tcp, port: heldPort, passes: true},
		{name: "held udp", proto: udp, port: heldPort, passes: true},
		{name: "free tcp", proto: tcp, port: freePort},
		{name: "free udp", proto: udp, port: heldPort - 1},
		{name: "held tcp behind ip options", proto: tcp, port: heldPort, options: 8, passes: true},
		{name: "free tcp behind ip options", proto: tcp, port: freePort, options: 8},
		{name: "icmp", proto: icmp, passes: true},
		{name: "igmp", proto: layers.IPProtocolIGMP},
		{name: "first fragment", proto: udp, port: freePort, more: true, passes: true},
		{name: "later fragment", proto: udp, offset: 3, passes: true},
		{name: "another's address", dst: "10.9.0.7", proto: tcp, port: heldPort},
		{name: "another's mac", mac: "other", proto: tcp, port: heldPort},
		{name: "priority tag", tagged: true, proto: tcp, port: heldPort, passes: true},
		{name: "vlan 5", tagged: true, vid: 5, proto: tcp, port: heldPort},
	}
	backends(t, func(t *testing.T, o Options) {
		for _, l3 := range []bool{false, true} {
			w := newWire(t, l3)
			s := open(t, w.ns, o)
			hold(s, heldPort)
			w.ns.Must(func() error { return s.SetOutside([]netip.Addr{hostAddr}) })
			fd := packetSocket(t, w.ns, w.ifindex, s.AttachFilter)
			for _, p := range cases {
				if w.l3 && (p.mac != "" || p.tagged) {
					continue
				}
				if o.ForceNFT && p.dst != "" {
					continue // the classic filter does not look at addresses
				}
				w.wantFiltered(t, fd, p)
			}
		}
	})
}

func (w *wire) wantFiltered(t *testing.T, fd int, p packet) {
	t.Helper()
	if p.dst == "" {
		p.dst = hostAddr.String()
	}
	sent := w.encode(t, p)
	if _, err := unix.Write(w.fd, sent); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
	if passed := err == nil; passed != p.passes {
		t.Errorf("%s, l3 %v: passed the filter: %v, want %v", p.name, w.l3, passed, p.passes)
	} else if diff := cmp.Diff(untag(sent, p), buf[:max(n, 0)]); passed && diff != "" {
		t.Errorf("%s, l3 %v: %s", p.name, w.l3, diff)
	}
}

// untag takes off the VLAN tag, as the host does before packet sockets.
func untag(frame []byte, p packet) []byte {
	if !p.tagged {
		return frame
	}
	return append(append([]byte{}, frame[:12]...), frame[16:]...)
}

// TestUplinkOnDeviceWithoutLinkHeader holds a port on a tun: the kernel's RST
// comes back through the tun for a free port, and never for a held one.
func TestUplinkOnDeviceWithoutLinkHeader(t *testing.T) {
	backends(t, func(t *testing.T, o Options) {
		w := newWire(t, true)
		s := open(t, w.ns, o)
		hold(s, heldPort)
		w.ns.Must(func() error {
			if err := s.SetOutside([]netip.Addr{hostAddr}); err != nil {
				return err
			}
			return s.AttachUplink(w.ifindex)
		})
		for _, port := range []uint16{heldPort, freePort} {
			syn := w.encode(t, packet{dst: hostAddr.String(), proto: layers.IPProtocolTCP, port: port})
			ip := gopacket.NewPacket(syn, layers.LayerTypeIPv4, gopacket.Default).NetworkLayer().(*layers.IPv4)
			if _, err := unix.Write(w.fd, withSYN(t, ip, port)); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := w.answer(t), fmt.Sprintf("RST from %d", freePort); got != want {
			t.Errorf("host's first answer: %s, want %s", got, want)
		}
		w.ns.Must(func() error { return s.DetachUplink(w.ifindex) })
		wantNothingLeft(t, w.ns, "u0")
	})
}

func withSYN(t *testing.T, ip *layers.IPv4, port uint16) []byte {
	t.Helper()
	tcp := &layers.TCP{SrcPort: 999, DstPort: layers.TCPPort(port), SYN: true, Window: 1000}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, ip, tcp); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// answer names the first TCP segment that the host sends into the tun.
func (w *wire) answer(t *testing.T) string {
	t.Helper()
	buf := make([]byte, 2048)
	for {
		ready := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, 2000); err == unix.EINTR {
			continue // the Go scheduler's signal
		} else if err != nil || n == 0 {
			return fmt.Sprintf("none in 2 s (%v)", err)
		}
		n, err := unix.Read(w.fd, buf)
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(buf[:n], layers.LayerTypeIPv4, gopacket.Default)
		if tcp, ok := p.TransportLayer().(*layers.TCP); ok && tcp.RST {
			return fmt.Sprintf("RST from %d", tcp.SrcPort)
		}
	}
}
