package nic

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"ubridge/internal/wire"
)

// Ports of DHCP (RFC 2131 §4.1).
const (
	dhcpServerPort = 67
	dhcpClientPort = 68
)

// ARP for IPv4 over Ethernet (RFC 826).
const (
	arpLen     = 28
	arpRequest = 1
	arpReply   = 2
)

var arpHead = []byte{0, 1, 8, 0, 6, 4} // Ethernet, IPv4, lengths of their addresses

// probe is an ARP probe for an address (RFC 5227 §2.1.1).
func (q *question) probe(target netip.Addr) []byte {
	b := q.ethernet(wire.TypeARP)
	b = append(b, arpHead...)
	b = binary.BigEndian.AppendUint16(b, arpRequest)
	b = append(b, q.mac[:]...)
	b = append(b, 0, 0, 0, 0) // sender address: nobody's
	b = append(b, make([]byte, 6)...)
	a := target.As4()
	return append(b, a[:]...)
}

// discover is a DHCPDISCOVER whose answer is to be sent to the MAC address, not
// broadcast: that it arrives is the point.
func (q *question) discover() ([]byte, error) {
	m, err := dhcpv4.NewDiscovery(net.HardwareAddr(q.mac[:]),
		dhcpv4.WithTransactionID(q.xid), dhcpv4.WithBroadcast(false))
	if err != nil {
		return nil, fmt.Errorf("make a DHCPDISCOVER: %w", err)
	}
	payload := m.ToBytes()
	udpLen := wire.UDPLen + len(payload)
	ip := make(wire.IPv4, wire.IPv4Len+udpLen)
	ip[0], ip[8], ip[9] = 0x45, 64, wire.ProtoUDP
	ip.SetTotalLen(len(ip))
	none, all := wire.IP4{}, wire.IP4{255, 255, 255, 255}
	copy(ip[16:20], all[:])
	ip.FillChecksum()
	udp := ip[wire.IPv4Len:]
	wire.Ports(udp).SetSrc(dhcpClientPort)
	wire.Ports(udp).SetDst(dhcpServerPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(udpLen))
	copy(udp[wire.UDPLen:], payload)
	sum := ^wire.Fold(wire.Sum(udp, wire.PseudoIPv4(none, all, wire.ProtoUDP, udpLen)))
	if sum == 0 {
		sum = 0xffff // RFC 768: 0 means no checksum
	}
	binary.BigEndian.PutUint16(udp[wire.UDPChecksumOffset:], sum)
	return append(q.ethernet(wire.TypeIPv4), ip...), nil
}

// ethernet is the header of a broadcast frame of the asking address.
func (q *question) ethernet(etherType uint16) []byte {
	b := make([]byte, wire.EthernetLen, 512)
	e := wire.Ethernet(b)
	e.SetDst(wire.Broadcast)
	e.SetSrc(q.mac)
	e.SetType(etherType)
	return b
}

// take looks at a frame that came in. Only one that was sent to the asking
// address shows that the network delivers to it; some DHCP servers broadcast all
// the same.
func (q *question) take(frame []byte) {
	if len(frame) < wire.EthernetLen {
		return
	}
	e := wire.Ethernet(frame)
	switch mine := e.Dst() == q.mac; {
	case e.Type() == wire.TypeARP && mine:
		q.takeARP(e.Payload())
	case e.Type() == wire.TypeIPv4 && (mine || e.Dst() == wire.Broadcast && !q.heard.DHCP.IsValid()):
		q.takeOffer(e.Payload(), !mine)
	}
}

func (q *question) takeARP(b []byte) {
	if len(b) < arpLen || !bytes.Equal(b[:6], arpHead) || be16(b[6:]) != arpReply {
		return
	}
	sender, addr := wire.MAC(b[8:14]), netip.AddrFrom4([4]byte(b[14:18]))
	if addr == q.heard.Gateway {
		q.heard.Answered = true
	}
	if sender != q.nic && slices.Contains(q.own, addr) && !slices.Contains(q.heard.Taken, addr) {
		q.heard.Taken = append(q.heard.Taken, addr)
	}
}

func (q *question) takeOffer(b []byte, broadcast bool) {
	ip, ok := wire.ParseIPv4(b)
	if !ok || ip.Proto() != wire.ProtoUDP || ip.IsFragment() || len(ip.Payload()) < wire.UDPLen {
		return
	}
	udp := ip.Payload()
	if ports := wire.Ports(udp); ports.Src() != dhcpServerPort || ports.Dst() != dhcpClientPort {
		return
	}
	m, err := dhcpv4.FromBytes(udp[wire.UDPLen:])
	if err != nil || m.TransactionID != q.xid || m.MessageType() != dhcpv4.MessageTypeOffer {
		return
	}
	q.heard.DHCP, q.heard.Broadcast = ip.Src().Addr(), broadcast
	if offered, ok := netip.AddrFromSlice(m.YourIPAddr.To4()); ok {
		q.heard.Offered = offered
	}
}
