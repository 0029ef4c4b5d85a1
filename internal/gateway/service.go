package gateway

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// Ports of the services (RFC 2131 §4.1, RFC 1035 §4.2).
const (
	portDHCPServer = 67
	portDNS        = 53
)

// service hands a datagram to DHCP or DNS. It reports whether the datagram was
// for one of them, whatever became of it.
func (r *Router) service(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4, d wire.UDP) bool {
	dst := ip.Dst()
	switch {
	case d.DstPort() == portDHCPServer && n.DHCP != nil && (dst == n.Gateway || dst == wire.IP4{255, 255, 255, 255} || dst == n.broadcast()):
		r.toDHCP(c, n, i, f, ip, d)
	case d.DstPort() == portDNS && n.DNS != nil && dst == n.Gateway && n.contains(ip.Src()):
		r.toDNS(c, n, i, f, ip, d)
	default:
		return false
	}
	return true
}

// intact reports whether a datagram's checksum is right, absent, or still to be
// finished by a receiver with offloads.
func intact(f *frame.Frame, ip wire.IPv4, d wire.UDP) bool {
	if f.Offload.NeedsCsum() || d.Checksum() == 0 {
		return true
	}
	return wire.Fold(wire.Sum(d, wire.PseudoIPv4(ip.Src(), ip.Dst(), wire.ProtoUDP, len(d)))) == 0xffff
}

// isDHCP reports whether a payload has a DHCP client's shape: a BOOTREQUEST with
// the magic cookie behind its fixed fields (RFC 2131 §2, §3). The rest is for the
// engine to judge.
func isDHCP(b []byte) bool {
	return len(b) >= 240 && b[0] == 1 && binary.BigEndian.Uint32(b[236:]) == 0x63825363
}

// isQuery reports whether a payload has a DNS header whose QR bit says query (RFC
// 1035 §4.1.1).
func isQuery(b []byte) bool { return len(b) >= 12 && b[2]&0x80 == 0 }

func (r *Router) toDHCP(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4, d wire.UDP) {
	switch {
	case d.Len() != len(d) || !intact(f, ip, d):
		c.Drop(i, frame.BadTransport)
	case !isDHCP(d.Payload()):
		c.Drop(i, frame.BadService)
	case !n.DHCP(c.In(), f.Ethernet().Src(), slices.Clone(d.Payload())):
		c.Drop(i, frame.ServiceBusy)
	}
}

func (r *Router) toDNS(c *dataplane.Cycle, n *network, i uint16, f *frame.Frame, ip wire.IPv4, d wire.UDP) {
	if d.Len() != len(d) || !intact(f, ip, d) {
		c.Drop(i, frame.BadTransport)
		return
	}
	if !isQuery(d.Payload()) {
		c.Drop(i, frame.BadService)
		return
	}
	to := Endpoint{MAC: f.Ethernet().Src(), IP: ip.Src(), Port: d.SrcPort()}
	w, br := c.Worker(), n.Bridge
	reply := func(msg []byte) {
		w.PostCycle(func(own *dataplane.Cycle) { r.SendUDP(own, br, portDNS, to, msg) })
	}
	if !n.DNS(netip.AddrPortFrom(to.IP.Addr(), to.Port), slices.Clone(d.Payload()), reply) {
		c.Drop(i, frame.ServiceBusy)
	}
}

// Endpoint is where a service's reply goes.
type Endpoint struct {
	MAC  wire.MAC
	IP   wire.IP4
	Port uint16
}

// SendUDP sends a datagram from the gateway's address and the given port, as a
// complete frame. Payloads that exceed the network's MTU are cut into fragments.
// It runs on the worker, with a cycle of own frames.
func (r *Router) SendUDP(own *dataplane.Cycle, br dataplane.BridgeID, from uint16, to Endpoint, payload []byte) {
	n := r.network(br)
	i, f := own.Originate()
	if n == nil || f == nil {
		own.Drop(0, frame.NoBuffer)
		return
	}
	const headers = wire.EthernetLen + wire.IPv4Len + wire.UDPLen
	b := f.Grow(headers + len(payload))
	if b == nil || len(payload) > 65535-wire.IPv4Len-wire.UDPLen {
		own.Drop(i, frame.TooBig)
		return
	}
	putEthernet(b, to.MAC, n.Station, wire.TypeIPv4)
	ip := b[wire.EthernetLen:]
	putIPv4(ip, n.Gateway, to.IP, wire.ProtoUDP, len(ip))
	copy(b[headers:], payload)
	putUDP(ip[wire.IPv4Len:], n.Gateway, to.IP, from, to.Port)
	if len(ip) > n.MTU {
		r.fragment(own, i, f, wire.IPv4(ip), n.MTU, func(c *dataplane.Cycle, j uint16) { c.ToBridge(j, br) })
		return
	}
	own.ToBridge(i, br)
}
