package nat

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// maxPacket is the length in bytes that no reassembled packet may exceed.
const maxPacket = 65535

// fragment translates one fragment: the first as a packet of its own, which
// tells what becomes of the others; those by the record that the first left;
// those that come before it wait.
func (t *Table) fragment(now Time, p *Packet, ip wire.IPv4, from side) frame.Reason {
	k, r := t.fragKey(p, ip, from)
	if r != frame.Forwarded {
		return r
	}
	d := t.frags
	gr := d.find(now, &t.hash, &k)
	if gr == none {
		if gr = d.add(&t.hash, &k, now+t.timers.fragment); gr == none {
			return frame.FragmentMemory
		}
	}
	g := &d.records[gr-1]
	n := len(ip.Payload())
	if ip.FragmentOffset() == 0 {
		r = t.firstFragment(now, p, ip, g)
	} else {
		r = t.laterFragment(p, ip, g)
	}
	if g.count(ip, n) && g.fate != waiting {
		d.remove(&t.hash, gr, frame.FragmentMemory)
	}
	return r
}

// fragKey checks a fragment and names its datagram. Refused are: one that is
// empty, ends beyond the longest packet, is not the last and no multiple of
// eight (RFC 791 §3.2), or could overwrite the TCP header of the first (RFC
// 1858, RFC 3128); and offloads, which no stack leaves to a fragment.
func (t *Table) fragKey(p *Packet, ip wire.IPv4, from side) (k fragKey, r frame.Reason) {
	proto, ok := protoOf(ip.Proto())
	if !ok {
		return k, frame.UnsupportedProto
	}
	if o := p.Offload; o != nil && (o.NeedsCsum() || o.IsGSO()) {
		return k, frame.BadOffload
	}
	off, n := ip.FragmentOffset(), len(ip.Payload())
	if n == 0 || ip.HeaderLen()+off+n > maxPacket || ip.MoreFragments() && n%8 != 0 ||
		proto == TCP && off > 0 && off < wire.TCPLen {
		return k, frame.BadFragment
	}
	k = fragKey{src: ip.Src().Uint32(), dst: ip.Dst().Uint32(), id: ip.ID(), proto: proto, from: from}
	if from == fromInside {
		k.network = p.Guest.Network
	}
	return k, frame.Forwarded
}

// firstFragment translates the fragment with the ports and settles the fate of
// the datagram. One too short for its transport header is refused (the tiny
// fragment of RFC 1858).
func (t *Table) firstFragment(now Time, p *Packet, ip wire.IPv4, g *datagram) frame.Reason {
	if g.fate != waiting { // the identification is used again
		g.seen, g.total, g.deadline = 0, 0, now+t.timers.fragment
	}
	r := t.translate(now, p, ip, g.key.from)
	if r == frame.BadTransport {
		r = frame.BadFragment
	}
	if r != frame.Forwarded {
		g.fate, g.reason = refused, r
		t.frags.dropHeld(g, r)
		return r
	}
	g.fate, g.guest, g.addr = translated, p.Guest, ip.Dst()
	if g.key.from == fromInside {
		g.addr = ip.Src()
	}
	p.Released = t.frags.startRelease(g)
	return frame.Forwarded
}

// laterFragment translates a fragment without ports, or lets it wait.
func (t *Table) laterFragment(p *Packet, ip wire.IPv4, g *datagram) frame.Reason {
	switch g.fate {
	case refused:
		return g.reason
	case waiting:
		if !t.frags.hold(g, ip) {
			return frame.FragmentMemory
		}
		p.Held = true
		return frame.Forwarded
	}
	g.rewrite(p, ip)
	return frame.Forwarded
}

func (g *datagram) rewrite(p *Packet, ip wire.IPv4) {
	if g.key.from == fromInside {
		ip.SetSrc(g.addr)
		return
	}
	ip.SetDst(g.addr)
	p.Guest = g.guest
}

// startRelease makes the fragments that waited in g ready for NextReleased and
// tells how many there are.
func (d *datagrams) startRelease(g *datagram) int {
	if g.held.n == 0 {
		return 0
	}
	d.abandonRelease()
	d.release = release{head: g.held.head, owner: g.owner, from: g.key.from, addr: g.addr, guest: g.guest}
	n := int(g.held.n)
	g.held = list{}
	return n
}

// abandonRelease drops what a caller did not fetch.
func (d *datagrams) abandonRelease() {
	for d.release.head != none {
		d.drops[frame.FragmentMemory]++
		d.spend()
	}
}

// spend takes the next run off the release. Its memory stays the caller's until
// the next Expire.
func (d *datagrams) spend() ref {
	r := d.release.head
	d.release.head = d.store.next[r-1]
	d.chunks[d.release.owner] -= uint32(d.store.chunks(r))
	d.store.next[r-1], d.spent = d.spent, r
	return r
}

// NextReleased gives the next fragment that waited for the one just translated,
// translated like it: p.L3 is the packet, p.Guest as for the first. It lies in
// room at ReleasedOffset, with space before it for a link header and for a
// frame's headroom; the memory may be used until the next call of Expire. ok is
// false when there is none left. What is not fetched before the next first
// fragment is dropped.
func (t *Table) NextReleased(p *Packet) (room []byte, ok bool) {
	d := t.frags
	if d.release.head == none {
		return nil, false
	}
	r := d.spend()
	room = d.store.room(r)
	ip := wire.IPv4(room[ReleasedOffset : ReleasedOffset+int(d.store.size[r-1])])
	p.L3, p.L3Offset, p.Offload = ip, wire.EthernetLen, nil
	p.Held, p.Released, p.Guest = false, 0, d.release.guest
	if d.release.from == fromInside {
		ip.SetSrc(d.release.addr)
	} else {
		ip.SetDst(d.release.addr)
	}
	return room, true
}
