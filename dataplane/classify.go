package dataplane

import (
	"encoding/binary"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// classes are the frames of a batch sorted by what is to be done with them.
type classes struct {
	unicast, flood, station list
}

func (l *list) push(i int) {
	l.at[l.n] = uint16(i)
	l.n++
}

func (l *list) all() []uint16 { return l.at[:l.n] }

// classify sorts the batch that came in on p, learns the sources, and counts
// what is dropped at once.
func (w *Worker) classify(p *port, b *Bridge, now uint32) *classes {
	c := &w.classes
	c.unicast.n, c.flood.n, c.station.n = 0, 0, 0
	for i := range w.batch.N {
		f := &w.batch.Frames[i]
		if r := b.admit(p, f, now); r != frame.Forwarded {
			p.counters.Drops[r]++
			continue
		}
		b.sort(c, p, f.Ethernet(), i)
	}
	return c
}

// admit checks a frame for what every later step relies on, and learns its
// source.
func (b *Bridge) admit(p *port, f *frame.Frame, now uint32) frame.Reason {
	n := f.Len()
	if n < wire.EthernetLen {
		return frame.Runt
	}
	p.counters.RxFrames++
	p.counters.RxBytes += uint64(n)
	if f.Offload != (frame.Offload{}) && !f.Offload.Valid(n) {
		return frame.BadOffload
	}
	e := f.Ethernet()
	if dst := e.Dst(); dst.IsReserved() && !b.relays.allows(dst) {
		return frame.Reserved
	}
	if p.hold != nil {
		return b.admitHeld(p, e, now)
	}
	r, strayed := b.learn(p, e.Src(), now)
	if strayed && !b.known(e.Dst(), now) {
		p.strayed(f, now)
	}
	return r
}

// sort puts an admitted frame on the list of its class.
func (b *Bridge) sort(c *classes, p *port, e wire.Ethernet, i int) {
	dst := e.Dst()
	switch {
	case b.judges && p.id == b.host && e.Type() == wire.TypeIPv4:
		c.station.push(i)
	case dst == b.station && p.id != b.host && !b.station.IsZero() && !b.bare:
		c.station.push(i)
	case !dst.IsGroup():
		c.unicast.push(i)
	case b.takes && p.id != b.host && isDHCPRequest(e):
		c.station.push(i)
	default:
		c.flood.push(i)
	}
}

// dhcpServerPort is where clients send to (RFC 2131 §4.1).
const dhcpServerPort = 67

// isDHCPRequest reports whether e is an IPv4 UDP datagram to the DHCP server
// port, on no VLAN. Only the bytes needed for that are read.
func isDHCPRequest(e wire.Ethernet) bool {
	typ, ip := e.Type(), wire.EthernetLen
	if e.IsPriorityTagged() {
		typ, ip = binary.BigEndian.Uint16(e[ip+2:]), ip+wire.VLANLen
	}
	if len(e) < ip+wire.IPv4Len+wire.UDPLen || typ != wire.TypeIPv4 || e[ip+9] != wire.ProtoUDP {
		return false
	}
	udp := ip + int(e[ip]&15)*4
	return len(e) >= udp+wire.UDPLen && binary.BigEndian.Uint16(e[udp+2:]) == dhcpServerPort
}

// deliver puts frame i on the egress list of the port that its destination is
// behind, or floods it. in is where the frame comes from; from keeps the latest
// lookup.
func (w *Worker) deliver(b *Bridge, o *outbox, batch *frame.Batch, i uint16, from *port, in member, now uint32) frame.Reason {
	dst := batch.Frames[i].Ethernet().Dst()
	if dst.IsGroup() {
		b.flood(o, i, in)
		return frame.Forwarded
	}
	to := b.lookup(from, dst, now)
	if !w.has(b, to) {
		return b.floodUnknown(o, i, in)
	}
	if !in.reaches(to, w.ports[to].group) {
		if to == in.port {
			return frame.SamePort
		}
		return frame.PortGroup
	}
	o.add(to, i)
	return frame.Forwarded
}

// has reports whether id is a member of b: a resumed forwarding database also
// knows stations behind ports whose device has not come back.
func (w *Worker) has(b *Bridge, id PortID) bool {
	return int(id) < len(w.ports) && w.ports[id] != nil && w.ports[id].bridge == b.id
}

// flood puts frame i on the list of every member that in reaches.
func (b *Bridge) flood(o *outbox, i uint16, in member) {
	for _, m := range b.members {
		if in.reaches(m.port, m.group) && !m.held {
			o.add(m.port, i)
		}
	}
}

// floodUnknown floods a unicast frame whose destination is not known. The host
// port is left out: the host's only address there is known. Where groups leave
// nobody to send to, that is the reason that the frame is dropped.
func (b *Bridge) floodUnknown(o *outbox, i uint16, in member) frame.Reason {
	sent, kept, held := 0, 0, 0
	for _, m := range b.members {
		switch {
		case m.port == b.host || m.port == in.port:
		case !in.reaches(m.port, m.group):
			kept++
		case m.held:
			held++
		default:
			o.add(m.port, i)
			sent++
		}
	}
	switch {
	case sent == 0 && held > 0:
		return frame.Loop
	case sent == 0 && kept > 0:
		return frame.PortGroup
	}
	return frame.Forwarded
}
