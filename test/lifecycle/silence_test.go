package lifecycle

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/packet"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// stranger is an address that only a frame from a guest to the wrong station
// would bring outside.
const stranger = "10.9.0.77"

// TestHostIsSilentOnPorts has guests try to talk to the host's stack past the
// gateway.
func TestHostIsSilentOnPorts(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifesilent")
	n.Host.Sysctl("net.ipv4.ip_forward", "1")
	n.Host.Sysctl("net.ipv6.conf.all.forwarding", "1")
	n.Host.Sysctl("net.ipv6.conf.default.accept_ra", "2")
	n.Host.Addr("lo", "203.0.113.1/32")
	control(t, n)
	d := n.Start(lab.Options{})
	silent(t, n, d.Join("one"), "on a port")
}

// control shows that a device which is no port does all that silent forbids, so
// that its silence says something.
func control(t *testing.T, n *lab.Net) {
	t.Helper()
	g := n.Guest("control")
	g.Addr = "192.168.122.200"
	if !answersARP(g, lab.HostAddr) {
		t.Error("the host does not answer ARP on a device that is no port")
	}
	if !forwards(t, n, g) {
		t.Error("the host does not forward from a device that is no port")
	}
	if !delivers(t, n, g) {
		t.Error("the host does not receive from a device that is no port")
	}
	advertise(t, g)
	n.Eventually(waitLong, "a router that is taken from an advertisement on a device that is no port", func() error {
		_, err := n.Host.Try("sh", "-c", "ip -6 route | grep '^default.* dev "+g.Port+"'")
		return err
	})
	n.Host.Run("ip", "link", "del", g.Port)
}

// silent holds the host's stack to say nothing on a guest's device.
func silent(t *testing.T, n *lab.Net, g *lab.Guest, when string) {
	t.Helper()
	for _, addr := range []string{lab.HostAddr, "203.0.113.1", "127.0.0.1"} {
		if answersARP(g, addr) {
			t.Errorf("%s the host answers ARP for its address %s", when, addr)
		}
	}
	if out := n.Host.Run("ip", "-6", "-o", "addr", "show", "dev", g.Port); strings.TrimSpace(out) != "" {
		t.Errorf("%s the device has an IPv6 address: %s", when, out)
	}
	if forwards(t, n, g) {
		t.Errorf("%s the host forwards a frame from the guest", when)
	}
	if delivers(t, n, g) {
		t.Errorf("%s a socket of the host receives from the guest past the gateway", when)
	}
	advertise(t, g)
	time.Sleep(time.Second)
	if out := n.Host.Run("ip", "-6", "route", "show", "table", "all"); strings.Contains(out, "proto ra") {
		t.Errorf("%s the host takes a router from a guest's advertisement:\n%s", when, out)
	}
	if out := n.Host.Run("ip", "-6", "-o", "addr"); strings.Contains(out, "2001:db8:") {
		t.Errorf("%s the host takes an address from a guest's advertisement:\n%s", when, out)
	}
}

// answersARP asks who has an address, as a neighbour would that is on the same
// wire.
func answersARP(g *lab.Guest, addr string) bool {
	g.Run("ip", "addr", "replace", stranger+"/24", "dev", "eth0")
	defer g.Run("ip", "addr", "del", stranger+"/24", "dev", "eth0")
	_, err := g.NS.Try("arping", "-c", "2", "-w", "1", "-I", "eth0", addr)
	if err == nil {
		return true
	}
	return strings.Contains(err.Error(), "Unicast reply") || strings.Contains(err.Error(), "bytes from")
}

// forwards sends packets to the host's own station on the guest's wire, for the
// server outside, and looks for one there.
func forwards(t *testing.T, n *lab.Net, g *lab.Guest) bool {
	t.Helper()
	wire := n.Server.Capture("eth0", "udp port 7777")
	for _, station := range []string{n.Host.MAC(g.Port), hostMAC(n)} {
		for _, source := range []string{stranger, g.Addr} {
			inject(t, g, station,
				&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.ParseIP(source), DstIP: net.ParseIP(lab.ServerAddr)},
				&layers.UDP{SrcPort: 7777, DstPort: 7777}, gopacket.Payload("past the gateway"))
		}
	}
	time.Sleep(500 * time.Millisecond)
	wire.Stop()
	return len(wire.Frames()) > 0
}

// delivers sends a datagram for a socket of the host to the station that the
// device itself has.
func delivers(t *testing.T, n *lab.Net, g *lab.Guest) bool {
	t.Helper()
	var socket net.PacketConn
	err := n.Host.Do(func() (err error) {
		socket, err = net.ListenPacket("udp4", "0.0.0.0:7778")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	inject(t, g, n.Host.MAC(g.Port),
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.ParseIP(stranger), DstIP: net.ParseIP(lab.HostAddr)},
		&layers.UDP{SrcPort: 7778, DstPort: 7778}, gopacket.Payload("past the gateway"))
	if err := socket.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, _, err = socket.ReadFrom(make([]byte, 64))
	return err == nil
}

// hostMAC is the station of the host's uplink.
func hostMAC(n *lab.Net) string { return n.Host.MAC("eth0") }

// advertise makes the guest say that it is an IPv6 router.
func advertise(t *testing.T, g *lab.Guest) {
	t.Helper()
	ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6,
		SrcIP: net.ParseIP("fe80::bad"), DstIP: net.ParseIP("ff02::1")}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeRouterAdvertisement, 0)}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	prefix := append([]byte{64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0}, net.ParseIP("2001:db8:bad::")...)
	inject(t, g, "33:33:00:00:00:01", ip, icmp, &layers.ICMPv6RouterAdvertisement{
		HopLimit: 64, RouterLifetime: 1800,
		Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptPrefixInfo, Data: prefix}},
	})
}

// inject sends a frame from the guest's card.
func inject(t *testing.T, g *lab.Guest, to string, l ...gopacket.SerializableLayer) {
	t.Helper()
	dst, err := net.ParseMAC(to)
	if err != nil {
		t.Fatal(err)
	}
	src, err := net.ParseMAC(g.MAC())
	if err != nil {
		t.Fatal(err)
	}
	eth := &layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeIPv4}
	if _, six := l[0].(*layers.IPv6); six {
		eth.EthernetType = layers.EthernetTypeIPv6
	}
	if udp, ok := l[1].(*layers.UDP); ok {
		if err := udp.SetNetworkLayerForChecksum(l[0].(*layers.IPv4)); err != nil {
			t.Fatal(err)
		}
	}
	b := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, options, append([]gopacket.SerializableLayer{eth}, l...)...); err != nil {
		t.Fatal(err)
	}
	transmit(t, g.NS, b.Bytes())
}

// transmit writes a frame to a card.
func transmit(t *testing.T, from *testnet.NS, frame []byte) {
	t.Helper()
	err := from.Do(func() error {
		card, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		c, err := packet.Listen(card, packet.Raw, 0, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.WriteTo(frame, &packet.Addr{HardwareAddr: net.HardwareAddr(frame[:6])})
		return err
	})
	if err != nil {
		t.Fatalf("send a frame: %v", err)
	}
}
