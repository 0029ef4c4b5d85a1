package nat

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// Outbound makes a packet from a guest one of p.Outside, rewriting it in place,
// and remembers the flow. Anything but Forwarded leaves it as it was. A new flow
// is refused as GuestLimit, PortsUsedUp or SessionsUsedUp only after the guest's
// own idle flows were given up for it.
func (t *Table) Outbound(now Time, p *Packet) frame.Reason {
	p.Held, p.Released, p.Offered = false, 0, 0
	ip, ok := wire.ParseIPv4(p.L3)
	if !ok {
		return frame.BadIP
	}
	p.Guest.Addr = ip.Src()
	if ip.IsFragment() {
		return t.fragment(now, p, ip, fromInside)
	}
	return t.out(now, p, ip)
}

// Inbound makes a packet from an uplink one for the guest whose flow it belongs
// to, rewriting it in place, and fills in p.Guest. NoMapping says that the
// outside port is none of ours, so that the packet is the host's; Filtered that
// the guest has not sent to this remote. Anything but Forwarded leaves the
// packet as it was.
func (t *Table) Inbound(now Time, p *Packet) frame.Reason {
	p.Held, p.Released = false, 0
	ip, ok := wire.ParseIPv4(p.L3)
	if !ok {
		return frame.BadIP
	}
	if ip.IsFragment() {
		return t.fragment(now, p, ip, fromOutside)
	}
	return t.in(now, p, ip)
}

// translate is out or in.
func (t *Table) translate(now Time, p *Packet, ip wire.IPv4, from side) frame.Reason {
	if from == fromInside {
		return t.out(now, p, ip)
	}
	return t.in(now, p, ip)
}

// out translates a packet, whole or first fragment, that a guest sent.
func (t *Table) out(now Time, p *Packet, ip wire.IPv4) frame.Reason {
	var h header
	if r := h.parse(ip, p, fromInside); r != frame.Forwarded {
		return r
	}
	if h.icmpErr {
		return t.outError(now, p, ip)
	}
	k := tuple{
		inside: ip.Src().Uint32(), outside: p.Outside.Uint32(), remote: ip.Dst().Uint32(),
		insidePort: h.src, remotePort: h.dst, network: p.Guest.Network, proto: h.proto,
	}
	r := t.findOutbound(now, &k)
	if r != none {
		t.touch(now, r, fromInside, h.kind)
		t.refreshMAC(now, r, p.Guest.MAC)
		p.Offered = t.offer(now, r)
	} else {
		state, ok := opening(h.proto, h.kind)
		if !ok {
			return frame.BadState
		}
		var refused frame.Reason
		if r, refused = t.open(now, &k, state, p.Guest.MAC); refused != frame.Forwarded {
			return refused
		}
	}
	h.rewriteSource(ip, k.outside, t.sessions[r-1].tuple.outsidePort)
	return frame.Forwarded
}

// in translates a packet, whole or first fragment, that came from outside.
func (t *Table) in(now Time, p *Packet, ip wire.IPv4) frame.Reason {
	var h header
	if r := h.parse(ip, p, fromOutside); r != frame.Forwarded {
		return r
	}
	if h.icmpErr {
		return t.inError(now, p, ip)
	}
	k := tuple{
		outside: ip.Dst().Uint32(), remote: ip.Src().Uint32(),
		outsidePort: h.dst, remotePort: h.src, proto: h.proto,
	}
	r := t.findInbound(now, &k)
	if r == none {
		return t.whyNot(now, &k)
	}
	t.touch(now, r, fromOutside, h.kind)
	s := &t.sessions[r-1]
	p.Guest = s.guest()
	h.rewriteDestination(ip, s.tuple.inside, s.tuple.insidePort)
	return frame.Forwarded
}

// whyNot tells a port that is held for other remotes from one that is not held.
func (t *Table) whyNot(now Time, k *tuple) frame.Reason {
	m := t.pools[k.proto].owner[k.outsidePort]
	if m == none || t.mappings[m-1].outside != k.outside || t.lapsed(now, m) {
		return frame.NoMapping
	}
	return frame.Filtered
}

func (s *Session) guest() Guest {
	return Guest{Network: s.tuple.network, Addr: wire.IP4FromUint32(s.tuple.inside), MAC: s.mac}
}
