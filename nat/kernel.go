package nat

import "ubridge/internal/wire"

// Kernel is whoever does established flows alone where the caller of the table lets
// it, packet by packet without the table. Slots are those of Offer.
type Kernel interface {
	// Used gives when the flow in a slot was last used there, 0 for never.
	Used(slot int) Time
	// Recall ends it: packets of the flow come to the table again.
	Recall(f *Offer)
}

// Offer is a flow that a Kernel may do alone: a packet of its with these endpoints,
// whole and with no option, and of TCP one that neither opens nor ends, needs nothing
// of the table but to be renewed. Of an echo the ports are the identifiers, and
// RemotePort is 0.
type Offer struct {
	Slot                                int
	Network                             uint16
	Proto                               Proto
	Inside, Outside, Remote             wire.IP4
	InsidePort, OutsidePort, RemotePort uint16

	// OutwardOnly says that the first answer has to come to the table.
	OutwardOnly bool
}

// offerAfter is how many packets of a guest a session has before it is offered: what
// asks and is answered once never costs the kernel's tables a change.
const offerAfter = 4

// SetKernel names who does flows alone; nil for nobody. Sessions of a table that was
// resumed may be with it already.
func (t *Table) SetKernel(k Kernel) { t.kernel = k }

// Forsake takes all sessions from the Kernel's care without a Recall, since it has
// forgotten them, and notes when they were used there. It visits every slot.
func (t *Table) Forsake(now Time) {
	for i := range t.sessions[:t.freeSessions.high] {
		if s := &t.sessions[i]; s.state != free && s.kernel {
			t.catchUp(now, ref(i+1))
			s.kernel = false
		}
	}
}

// offer gives the slot of a session of which a packet of a guest came just now, plus
// one, if the Kernel may do it alone from here; else 0. One that it has already is
// offered anew, once in a second: the Kernel could not, or something has changed.
func (t *Table) offer(now Time, r ref) int {
	if t.kernel == nil {
		return 0
	}
	s := &t.sessions[r-1]
	switch {
	case s.packets < offerAfter:
		s.packets++
		return 0
	case s.offered == now || !s.state.plain():
		return 0
	}
	s.offered = now
	return int(r)
}

// plain reports whether packets that neither open nor end change nothing of a session
// but its time.
func (s ConnState) plain() bool {
	switch s {
	case Established, UDPNew, UDPReplied, UDPStream, EchoSent:
		return true
	}
	return false
}

// Offer tells of the flow that Packet.Offered names.
func (t *Table) Offer(offered int) Offer { return t.offerOf(ref(offered)) }

func (t *Table) offerOf(r ref) Offer {
	s := &t.sessions[r-1]
	k := &s.tuple
	return Offer{
		Slot: int(r - 1), Network: k.network, Proto: k.proto, OutwardOnly: s.state == UDPNew,
		Inside: wire.IP4FromUint32(k.inside), Outside: wire.IP4FromUint32(k.outside), Remote: wire.IP4FromUint32(k.remote),
		InsidePort: k.insidePort, OutsidePort: k.outsidePort, RemotePort: k.remotePort,
	}
}

// Taken notes that the Kernel does a flow from now on.
func (t *Table) Taken(f *Offer) { t.sessions[f.Slot].kernel = true }

// recall takes a session from the Kernel's care, whatever it is about to become.
func (t *Table) recall(now Time, r ref) {
	s := &t.sessions[r-1]
	if !s.kernel {
		return
	}
	t.catchUp(now, r)
	s.kernel, s.offered = false, 0
	if t.kernel != nil {
		t.recalled = t.offerOf(r)
		t.kernel.Recall(&t.recalled)
	}
}

// catchUp has a session be as if the packets that the Kernel did had come to the table.
func (t *Table) catchUp(now Time, r ref) {
	s := &t.sessions[r-1]
	if !s.kernel || t.kernel == nil {
		return
	}
	used := min(t.kernel.Used(int(r-1)), now)
	if used <= s.used {
		return
	}
	state := s.state
	if state == UDPReplied && used-s.born > 2 {
		state = UDPStream
	}
	g := &t.guests[t.sessionNodes[r-1].guest-1]
	g.lru(s.tuple.proto, s.state).remove(t.sessionNodes, r)
	s.state, s.used = state, used
	g.lru(s.tuple.proto, state).push(t.sessionNodes, r)
}

// over reports whether a session has ended for want of packets.
func (t *Table) over(now Time, r ref) bool {
	s := &t.sessions[r-1]
	if t.deadline(s) > now {
		return false
	}
	t.catchUp(now, r)
	return t.deadline(s) <= now
}

// Carried calls fn for the remotes of sessions that the Kernel has, and has used within
// so many seconds. It looks at up to budget slots and goes on there the next time.
func (t *Table) Carried(now, within Time, budget int, fn func(remote wire.IP4)) {
	if t.kernel == nil {
		return
	}
	high := t.freeSessions.high
	for range min(budget, int(high)) {
		r := advance(&t.carriedHand, high)
		s := &t.sessions[r-1]
		if s.state != free && s.kernel && t.kernel.Used(int(r-1))+within >= now {
			fn(wire.IP4FromUint32(s.tuple.remote))
		}
	}
}
