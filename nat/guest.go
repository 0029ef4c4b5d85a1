package nat

import "ubridge/dataplane/frame"

// guest is what an inside address holds, and in which order it would be taken
// from it.
type guest struct {
	addr     uint32
	network  uint16
	sessions uint32
	ports    [numProtos]uint32 // mappings
	idle     [numProtos]list   // mappings that no session uses, oldest first
	young    [numProtos]list   // sessions that are not assured, least recently used first
	assured  [numProtos]list   // the others, likewise
}

func (g *guest) mappings() uint32 { return g.ports[TCP] + g.ports[UDP] + g.ports[Echo] }

// loose counts what g holds of protocol p and would give up first.
func (g *guest) loose(p Proto) uint32 { return g.young[p].n + g.idle[p].n }

// lru is the list in which a session of state s stands.
func (g *guest) lru(p Proto, s ConnState) *list {
	if s.assured() {
		return &g.assured[p]
	}
	return &g.young[p]
}

func (t *Table) guestHash(network uint16, addr uint32) uint32 {
	return t.hash.sum(uint64(addr), uint64(network), 2)
}

func (t *Table) findGuest(network uint16, addr uint32) ref {
	h := t.guestHash(network, addr)
	for r, at := t.guestIndex.probe(h, h); r != none; r, at = t.guestIndex.probe(h, at) {
		if g := &t.guests[r-1]; g.addr == addr && g.network == network {
			return r
		}
	}
	return none
}

// guestOf is the record of an inside address, made if there is none. There are
// as many records as mapping slots and each guest has a mapping, so that one is
// always left for who is about to get a mapping.
func (t *Table) guestOf(network uint16, addr uint32) ref {
	if r := t.findGuest(network, addr); r != none {
		return r
	}
	r := t.freeGuests.take()
	t.guests[r-1] = guest{addr: addr, network: network}
	t.guestIndex.insert(t.guestHash(network, addr), r)
	return r
}

// leave forgets a guest that holds nothing more.
func (t *Table) leave(r ref) {
	g := &t.guests[r-1]
	if g.mappings() == 0 {
		for p := range t.loosest {
			if t.loosest[p] == r {
				t.loosest[p] = none
			}
		}
		t.guestIndex.remove(t.guestHash(g.network, g.addr), r)
		t.freeGuests.put(r)
	}
}

// A guest may take one more of a thing only while it holds fewer than are left:
// alone it gets half, beside k greedy ones a newcomer still finds one part in
// k+2. Nothing established is ever taken for another guest's sake.
func mayTake(holds, left uint32) bool { return holds < left }

// sessionRoom sees to it that a session slot can be taken for a guest, by
// giving up the least of its own sessions where it holds its share.
func (t *Table) sessionRoom(now Time, g ref) frame.Reason {
	var holds uint32
	if g != none {
		holds = t.guests[g-1].sessions
	}
	if mayTake(holds, t.freeSessions.len()) || holds > 0 && t.reclaimSession(now, g) {
		return frame.Forwarded
	}
	return refusal(holds, frame.SessionsUsedUp)
}

// portRoom sees to it that a port of protocol p and a mapping slot can be taken
// for a guest, in the same way.
func (t *Table) portRoom(now Time, g ref, p Proto) frame.Reason {
	var holds, all uint32
	if g != none {
		holds, all = t.guests[g-1].ports[p], t.guests[g-1].mappings()
	}
	if !mayTake(holds, uint32(t.pools[p].unheld)) {
		if holds > 0 && (t.reclaimPort(now, g, p) || t.levelPort(now, g, p)) && t.pools[p].unheld > 0 {
			return frame.Forwarded // and its slot is free, too
		}
		return refusal(holds, frame.PortsUsedUp)
	}
	if !mayTake(all, t.freeMappings.len()) && (all == 0 || !t.reclaimSlot(now, g)) {
		return refusal(all, frame.SessionsUsedUp)
	}
	return frame.Forwarded
}

// refusal is GuestLimit for a guest that holds some of what it asks for.
func refusal(holds uint32, usedUp frame.Reason) frame.Reason {
	if holds > 0 {
		return frame.GuestLimit
	}
	return usedUp
}
