package gateway

import (
	"encoding/binary"

	"ubridge/dataplane"
	"ubridge/internal/wire"
)

// icmpQuote is the longest quote of the offending packet that an error carries:
// the error stays within 576 bytes (RFC 1812 §4.3.2.3).
const icmpQuote = 576 - wire.IPv4Len - wire.ICMPLen

// icmpRate bounds the ICMP errors to the guests of one port; the burst has room
// for two parallel traceroutes of 64 probes each.
var icmpRate = rate{perSecond: 100, burst: 200}

// icmpError answers the packet ip, which came in the frame eth, with an ICMP
// error from the gateway address. info is the second word of the message: the
// next-hop MTU of a frag-needed, else zero. Packets that must not be answered
// (RFC 1812 §4.3.2.7) and errors over the rate are not.
func (r *Router) icmpError(c *dataplane.Cycle, n *network, eth wire.Ethernet, ip wire.IPv4, typ, code byte, info uint32) {
	if !answerable(eth, ip) || !r.errors.take(c.Now, c.In(), icmpRate) {
		return
	}
	if i, ok := originateError(c, eth.Src(), n.Station, n.Gateway, ip, typ, code, info); ok {
		c.Own().ToBridge(i, n.Bridge)
	}
}

// originateError makes the frame of an ICMP error about ip, which src sends to
// ip's source; false where there is no buffer.
func originateError(c *dataplane.Cycle, dstMAC, srcMAC wire.MAC, src wire.IP4, ip wire.IPv4, typ, code byte, info uint32) (uint16, bool) {
	i, f := c.Originate()
	if f == nil {
		return 0, false
	}
	quote := ip[:min(len(ip), icmpQuote)]
	b := f.Grow(wire.EthernetLen + wire.IPv4Len + wire.ICMPLen + len(quote))
	putEthernet(b, dstMAC, srcMAC, wire.TypeIPv4)
	out := b[wire.EthernetLen:]
	putIPv4(out, src, ip.Src(), wire.ProtoICMP, len(out))
	putICMP(out[wire.IPv4Len:], typ, code, info, quote)
	return i, true
}

// answerable reports whether an ICMP error may be sent about a packet: not about
// another error, a later fragment, or one sent to a group.
func answerable(eth wire.Ethernet, ip wire.IPv4) bool {
	if eth.Dst().IsGroup() || ip.FragmentOffset() != 0 {
		return false
	}
	if ip.Proto() != wire.ProtoICMP {
		return true
	}
	m, ok := wire.ParseICMP(ip.Payload())
	return ok && !m.IsError()
}

func putEthernet(b []byte, dst, src wire.MAC, typ uint16) {
	e := wire.Ethernet(b)
	e.SetDst(dst)
	e.SetSrc(src)
	e.SetType(typ)
}

// putIPv4 writes a header without options for a packet of total bytes: DF set,
// identification zero (RFC 6864 §4.1), 64 hops.
func putIPv4(b []byte, src, dst wire.IP4, proto byte, total int) {
	copy(b, []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, proto, 0, 0})
	binary.BigEndian.PutUint16(b[2:], uint16(total))
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	wire.IPv4(b[:wire.IPv4Len]).FillChecksum()
}

func putICMP(b []byte, typ, code byte, info uint32, quote []byte) {
	b[0], b[1], b[2], b[3] = typ, code, 0, 0
	binary.BigEndian.PutUint32(b[4:], info)
	copy(b[wire.ICMPLen:], quote)
	wire.ICMP(b).SetChecksum(^wire.Fold(wire.Sum(b, 0)))
}

// putUDP writes a datagram header before payload, which is already in place
// behind it, and finishes the checksum.
func putUDP(b []byte, src, dst wire.IP4, srcPort, dstPort uint16) {
	binary.BigEndian.PutUint16(b, srcPort)
	binary.BigEndian.PutUint16(b[2:], dstPort)
	u := wire.UDP(b)
	u.SetLen(len(b))
	u.SetChecksum(0)
	sum := ^wire.Fold(wire.Sum(b, wire.PseudoIPv4(src, dst, wire.ProtoUDP, len(b))))
	if sum == 0 {
		sum = 0xffff // zero would mean "not computed" (RFC 768)
	}
	u.SetChecksum(sum)
}
