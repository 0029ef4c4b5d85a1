package services

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"ubridge/internal/testnet"
)

// message is a DHCP message with the headers it came in.
type message struct {
	*dhcpv4.DHCPv4
	eth layers.Ethernet
	ip  layers.IPv4
	udp layers.UDP
}

// fromServer tells the server's messages from the clients'.
func (m message) fromServer() bool { return m.OpCode == dhcpv4.OpcodeBootReply }

func (m message) String() string {
	return fmt.Sprintf("%s %v→%v ciaddr %v yiaddr %v", m.MessageType(), m.ip.SrcIP, m.ip.DstIP, m.ClientIPAddr, m.YourIPAddr)
}

// decode reads a frame that holds a DHCP message. A frame from the server must
// be complete: lengths that fit and checksums that are right, since some clients
// read the raw frame.
func decode(data []byte) (m message, err error) {
	p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
	eth, ok1 := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip, ok2 := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	udp, ok3 := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ok1 || !ok2 || !ok3 {
		return m, fmt.Errorf("no UDP packet: %v", p)
	}
	m = message{eth: *eth, ip: *ip, udp: *udp}
	if m.DHCPv4, err = dhcpv4.FromBytes(udp.Payload); err != nil {
		return m, err
	}
	if m.fromServer() {
		err = m.complete(data)
	}
	return m, err
}

// complete holds the headers of a server's frame to RFC 791, 768 and 951.
func (m message) complete(data []byte) error {
	switch {
	case int(m.ip.Length) != len(data)-14 || int(m.udp.Length) != len(data)-34:
		return fmt.Errorf("IP length %d and UDP length %d in a frame of %d bytes", m.ip.Length, m.udp.Length, len(data))
	case sum(data[14:34], 0) != 0xffff:
		return errors.New("wrong IP header checksum")
	case m.udp.Checksum == 0:
		return errors.New("no UDP checksum")
	case sum(data[34:], pseudo(m.ip)) != 0xffff:
		return errors.New("wrong UDP checksum")
	case m.ip.TTL == 0 || m.udp.SrcPort != 67:
		return fmt.Errorf("TTL %d, source port %d", m.ip.TTL, m.udp.SrcPort)
	case len(m.udp.Payload) < 300:
		return fmt.Errorf("%d bytes of DHCP, where BOOTP clients expect 300", len(m.udp.Payload))
	}
	return nil
}

// sum adds 16-bit words in one's complement.
func sum(b []byte, acc uint32) uint16 {
	for i, v := range b {
		acc += uint32(v) << (8 * (1 - i%2))
	}
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return uint16(acc)
}

// pseudo sums the pseudo header of UDP.
func pseudo(ip layers.IPv4) uint32 {
	return uint32(sum(ip.SrcIP.To4(), 0)) + uint32(sum(ip.DstIP.To4(), 0)) + 17 + uint32(ip.Length) - 20
}

// seen decodes what a capture holds, and fails the test for incomplete frames.
func seen(t *testing.T, c *testnet.Capture) (all []message) {
	t.Helper()
	for _, f := range c.Frames("udp and (port 67 or port 68)") {
		m, err := decode(f.Data)
		if err != nil {
			t.Errorf("DHCP frame: %v\n%x", err, f.Data)
			continue
		}
		all = append(all, m)
	}
	return all
}

// kind is a client's state as RFC 2131 table 4 lets a server see it.
type kind string

const (
	selecting  kind = "selecting"
	initReboot kind = "init-reboot"
	renewing   kind = "renewing"
	rebinding  kind = "rebinding"
	other      kind = "no request"
)

func (m message) kind() kind {
	claims := !m.ClientIPAddr.IsUnspecified()
	switch {
	case m.MessageType() != dhcpv4.MessageTypeRequest:
		return other
	case m.ServerIdentifier() != nil:
		return selecting
	case claims && m.ip.DstIP.Equal(net.IPv4bcast):
		return rebinding
	case claims:
		return renewing
	}
	return initReboot
}

// answered reports whether a request of a kind was answered by a type of
// message, as far as a capture shows.
func answered(all []message, k kind, with dhcpv4.MessageType) bool {
	asked := map[dhcpv4.TransactionID]bool{}
	for _, m := range all {
		if m.kind() == k {
			asked[m.TransactionID] = true
		} else if m.MessageType() == with && asked[m.TransactionID] {
			return true
		}
	}
	return false
}

func addr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip.To4())
	return a
}
