package services

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/songgao/water"

	"ubridge/test/lab"
)

// How long an answer may take, and silence is listened to.
const (
	answerTime = 10 * time.Second
	retryAfter = 2 * time.Second
	silence    = time.Second
)

// exerciser holds the guest's side of a tap and is as many DHCP clients as a
// test wants, all behind that one port.
type exerciser struct {
	t       *testing.T
	tap     *water.Interface
	replies chan message
	xid     uint32
}

// exercise adds a tap to the network default and takes the guest's side of it.
func exercise(t *testing.T, n *lab.Net, d *lab.Daemon) *exerciser {
	t.Helper()
	d.Run("port", "add", "default", "vnet0")
	x := &exerciser{t: t, tap: n.OpenTap(n.Host, "vnet0"), replies: make(chan message, 1024)}
	go x.receive()
	d.AwaitPort("vnet0", "up")
	return x
}

// receive takes the server's frames from the tap. Those that are not complete
// fail the test.
func (x *exerciser) receive() {
	frame := make([]byte, 1<<16)
	for {
		n, err := x.tap.Read(frame)
		if err != nil {
			return
		}
		if m, err := decode(frame[:n]); m.DHCPv4 != nil && m.fromServer() {
			if err != nil {
				x.t.Errorf("DHCP frame: %v\n%x", err, frame[:n])
			}
			x.replies <- m
		}
	}
}

// station is a client's station address, by its number.
func station(i int) net.HardwareAddr {
	return net.HardwareAddr{0x52, 0x54, 0x00, 0xee, byte(i >> 8), byte(i)}
}

// message makes a client's message with an id of its own.
func (x *exerciser) message(mac net.HardwareAddr, with ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	x.xid++
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{
		dhcpv4.WithHwAddr(mac),
		dhcpv4.WithTransactionID(dhcpv4.TransactionID{byte(x.xid >> 24), byte(x.xid >> 16), byte(x.xid >> 8), byte(x.xid)}),
	}, with...)...)
	if err != nil {
		x.t.Fatal(err)
	}
	return m
}

// send broadcasts a message in a frame from its client's station.
func (x *exerciser) send(m *dhcpv4.DHCPv4) {
	x.t.Helper()
	eth := &layers.Ethernet{SrcMAC: m.ClientHWAddr, DstMAC: layers.EthernetBroadcast, EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: m.ClientIPAddr, DstIP: net.IPv4bcast}
	udp := &layers.UDP{SrcPort: 68, DstPort: 67}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		x.t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, options, eth, ip, udp, gopacket.Payload(m.ToBytes())); err != nil {
		x.t.Fatal(err)
	}
	if _, err := x.tap.Write(b.Bytes()); err != nil {
		x.t.Fatalf("tap: %v", err)
	}
}

// ask sends a message until it is answered, as clients do.
func (x *exerciser) ask(m *dhcpv4.DHCPv4) message {
	x.t.Helper()
	for deadline := time.Now().Add(answerTime); time.Now().Before(deadline); {
		x.send(m)
		if reply, ok := x.reply(m, retryAfter); ok {
			return reply
		}
	}
	x.t.Fatalf("no answer within %v to %s", answerTime, m.Summary())
	return message{}
}

// reply waits for the answer to a message.
func (x *exerciser) reply(to *dhcpv4.DHCPv4, wait time.Duration) (message, bool) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case m := <-x.replies:
			if m.TransactionID == to.TransactionID {
				return m, true
			}
		case <-timer.C:
			return message{}, false
		}
	}
}

// discover asks for an offer.
func (x *exerciser) discover(mac net.HardwareAddr, with ...dhcpv4.Modifier) message {
	x.t.Helper()
	offer := x.ask(x.message(mac, append(with, dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover))...))
	if offer.MessageType() != dhcpv4.MessageTypeOffer {
		x.t.Fatalf("DISCOVER of %v is answered by %v", mac, offer)
	}
	return offer
}

// lease leads a client through DISCOVER, OFFER, REQUEST and ACK.
func (x *exerciser) lease(mac net.HardwareAddr, with ...dhcpv4.Modifier) message {
	x.t.Helper()
	offer := x.discover(mac, with...)
	ack := x.ask(x.message(mac, append(with, dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest),
		dhcpv4.WithServerIP(net.IPv4zero),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(offer.ServerIdentifier())),
		dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(offer.YourIPAddr)))...))
	if ack.MessageType() != dhcpv4.MessageTypeAck || !ack.YourIPAddr.Equal(offer.YourIPAddr) {
		x.t.Fatalf("REQUEST for %v by %v is answered by %v", offer.YourIPAddr, mac, ack)
	}
	return ack
}

// reboot asks to have an address confirmed.
func (x *exerciser) reboot(mac net.HardwareAddr, ip net.IP, with ...dhcpv4.Modifier) message {
	x.t.Helper()
	return x.ask(x.message(mac, append(with, dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest),
		dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip)))...))
}

// unanswered sends a message that must get no answer.
func (x *exerciser) unanswered(m *dhcpv4.DHCPv4) error {
	x.t.Helper()
	x.send(m)
	if reply, ok := x.reply(m, silence); ok {
		return fmt.Errorf("%s is answered by %v", m.MessageType(), reply)
	}
	return nil
}
