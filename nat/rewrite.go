package nat

import "ubridge/internal/wire"

// change is one endpoint of a packet becoming another.
type change struct {
	was, is         wire.IP4
	wasPort, isPort uint16
}

// rewriteSource makes a guest's packet one of the outside endpoint.
func (h *header) rewriteSource(ip wire.IPv4, addr uint32, port uint16) {
	c := change{ip.Src(), wire.IP4FromUint32(addr), h.src, port}
	ip.SetSrc(c.is)
	setSourcePort(h.proto, h.l4, port)
	c.fixChecksum(h.proto, h.l4, h.partial)
}

// rewriteDestination makes a packet from outside one for the guest.
func (h *header) rewriteDestination(ip wire.IPv4, addr uint32, port uint16) {
	c := change{ip.Dst(), wire.IP4FromUint32(addr), h.dst, port}
	ip.SetDst(c.is)
	setDestinationPort(h.proto, h.l4, port)
	c.fixChecksum(h.proto, h.l4, h.partial)
}

func setSourcePort(p Proto, l4 []byte, port uint16) {
	if p == Echo {
		wire.ICMP(l4).SetID(port)
	} else {
		wire.Ports(l4).SetSrc(port)
	}
}

func setDestinationPort(p Proto, l4 []byte, port uint16) {
	if p == Echo {
		wire.ICMP(l4).SetID(port)
	} else {
		wire.Ports(l4).SetDst(port)
	}
}

// fixChecksum brings a transport checksum up to date with c. l4 is at least
// eight bytes; inside an ICMP error it may end before a TCP checksum.
func (c *change) fixChecksum(p Proto, l4 []byte, partial bool) {
	switch p {
	case TCP:
		if seg := wire.TCP(l4); len(l4) >= wire.TCPChecksumOffset+2 {
			seg.SetChecksum(c.sum(seg.Checksum(), partial))
		}
	case UDP:
		c.fixUDP(wire.UDP(l4), partial)
	case Echo:
		m := wire.ICMP(l4) // no pseudo-header
		m.SetChecksum(wire.Update16(m.Checksum(), c.wasPort, c.isPort))
	}
}

// fixUDP: a finished checksum of zero says that there is none, so that one
// which comes out as zero is written as its other form (RFC 768).
func (c *change) fixUDP(u wire.UDP, partial bool) {
	was := u.Checksum()
	if was == 0 && !partial {
		return
	}
	is := c.sum(was, partial)
	if is == 0 && !partial {
		is = 0xffff
	}
	u.SetChecksum(is)
}

// sum is checksum field v after c. Unfinished, it covers addresses but not yet
// the ports.
func (c *change) sum(v uint16, partial bool) uint16 {
	if partial {
		return wire.UpdatePartial32(v, c.was.Uint32(), c.is.Uint32())
	}
	return wire.Update16(wire.Update32(v, c.was.Uint32(), c.is.Uint32()), c.wasPort, c.isPort)
}
