package nat

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// embedded is the start of the packet that an ICMP error is about.
type embedded struct {
	ip       wire.IPv4
	proto    Proto
	l4       []byte // eight bytes or more
	src, dst uint16 // ports; of an echo, the identifier twice
}

// parseEmbedded reads the packet inside an error. Eight bytes of its transport
// are all that a sender must quote (RFC 792); a fragment other than the first
// has no ports to know it by.
func parseEmbedded(b []byte) (e embedded, r frame.Reason) {
	var ok bool
	if e.ip, ok = wire.ParseIPv4Header(b); !ok {
		return e, frame.BadTransport
	}
	if e.proto, ok = protoOf(e.ip.Proto()); !ok || e.ip.FragmentOffset() != 0 {
		return e, frame.NoMapping
	}
	if e.l4 = e.ip.Payload(); len(e.l4) < wire.ICMPLen {
		return e, frame.BadTransport
	}
	if e.proto == Echo {
		e.src = wire.ICMP(e.l4).ID()
		e.dst = e.src
		return e, frame.Forwarded
	}
	e.src, e.dst = wire.Ports(e.l4).Src(), wire.Ports(e.l4).Dst()
	return e, frame.Forwarded
}

// inError translates an error about a packet that a guest sent: from whichever
// router, but about a session that exists. It renews nothing and ends nothing:
// anyone on the path could send it (RFC 5508 REQ-6, RFC 5382 REQ-10).
func (t *Table) inError(now Time, p *Packet, ip wire.IPv4) frame.Reason {
	m := wire.ICMP(ip.Payload())
	e, r := parseEmbedded(m.Embedded())
	if r != frame.Forwarded {
		return r
	}
	if e.ip.Src() != ip.Dst() || e.proto == Echo && wire.ICMP(e.l4).Type() != wire.ICMPEcho {
		return frame.NoMapping
	}
	k := tuple{outside: e.ip.Src().Uint32(), remote: e.ip.Dst().Uint32(),
		outsidePort: e.src, remotePort: e.dst, proto: e.proto}
	if e.proto == Echo {
		k.remotePort = 0
	}
	sr := t.findInbound(now, &k)
	if sr == none {
		return t.whyNot(now, &k)
	}
	s := &t.sessions[sr-1]
	p.Guest = s.guest()
	was := e.sum()
	e.setSource(p.Guest.Addr, s.tuple.insidePort)
	m.SetChecksum(wire.Update16(m.Checksum(), was, e.sum()))
	ip.SetDst(p.Guest.Addr)
	return frame.Forwarded
}

// outError translates an error that a guest, or a router behind it, sends about
// a packet that came in.
func (t *Table) outError(now Time, p *Packet, ip wire.IPv4) frame.Reason {
	m := wire.ICMP(ip.Payload())
	e, r := parseEmbedded(m.Embedded())
	if r != frame.Forwarded {
		return r
	}
	if e.proto == Echo && wire.ICMP(e.l4).Type() != wire.ICMPEchoReply {
		return frame.NoMapping
	}
	k := tuple{inside: e.ip.Dst().Uint32(), outside: p.Outside.Uint32(), remote: e.ip.Src().Uint32(),
		insidePort: e.dst, remotePort: e.src, network: p.Guest.Network, proto: e.proto}
	if e.proto == Echo {
		k.remotePort = 0
	}
	sr := t.findOutbound(now, &k)
	if sr == none {
		return frame.NoMapping
	}
	was := e.sum()
	e.setDestination(p.Outside, t.sessions[sr-1].tuple.outsidePort)
	m.SetChecksum(wire.Update16(m.Checksum(), was, e.sum()))
	ip.SetSrc(p.Outside)
	return frame.Forwarded
}

// sum adds up all bytes of e that a translation may change, for the delta of the
// error's own checksum, which covers them. They start at an even offset.
func (e *embedded) sum() uint16 {
	quoted := min(len(e.l4), wire.TCPLen) &^ 1
	return wire.Fold(wire.Sum(e.l4[:quoted], wire.Sum(e.ip[:e.ip.HeaderLen()], 0)))
}

func (e *embedded) setSource(addr wire.IP4, port uint16) {
	c := change{e.ip.Src(), addr, e.src, port}
	e.ip.SetSrc(addr)
	setSourcePort(e.proto, e.l4, port)
	c.fixChecksum(e.proto, e.l4, false)
}

func (e *embedded) setDestination(addr wire.IP4, port uint16) {
	c := change{e.ip.Dst(), addr, e.dst, port}
	e.ip.SetDst(addr)
	setDestinationPort(e.proto, e.l4, port)
	c.fixChecksum(e.proto, e.l4, false)
}
