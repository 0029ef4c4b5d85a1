package nat

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// findOutbound is the live session of a packet from a guest; k.outsidePort is
// not looked at.
func (t *Table) findOutbound(now Time, k *tuple) ref {
	h := k.outboundHash(&t.hash)
	for r, at := t.outbound.probe(h, h); r != none; r, at = t.outbound.probe(h, at) {
		if t.sessions[r-1].tuple.sameOutbound(k) {
			return t.unlessExpired(now, r)
		}
	}
	return none
}

// findInbound is the live session of a packet from outside; k's inside half and
// network are not looked at.
func (t *Table) findInbound(now Time, k *tuple) ref {
	h := k.inboundHash(&t.hash)
	for r, at := t.inbound.probe(h, h); r != none; r, at = t.inbound.probe(h, at) {
		if t.sessions[r-1].tuple.sameInbound(k) {
			return t.unlessExpired(now, r)
		}
	}
	return none
}

// deadline is when session s ends if no packet comes.
func (t *Table) deadline(s *Session) Time { return s.used + t.timers.state[s.state] }

// unlessExpired is r, or none where its time was over before a sweep came by.
func (t *Table) unlessExpired(now Time, r ref) ref {
	if t.over(now, r) {
		t.removeSession(now, r)
		return none
	}
	return r
}

// open makes a session, and a mapping where the inside endpoint has none, for a
// packet from a guest that may open one.
func (t *Table) open(now Time, k *tuple, state ConnState, mac wire.MAC) (ref, frame.Reason) {
	if r := t.sessionRoom(now, t.findGuest(k.network, k.inside)); r != frame.Forwarded {
		return none, r
	}
	m := t.findMapping(now, k)
	if m == none {
		var r frame.Reason
		if m, r = t.bind(now, k); r != frame.Forwarded {
			return none, r
		}
	}
	k.outsidePort = t.mappings[m-1].outsidePort
	r := t.freeSessions.take()
	s := &t.sessions[r-1]
	begin(&s.seq)
	s.tuple, s.mapping, s.mac = *k, m, mac
	s.used, s.born, s.state, s.fins = now, now, state, 0
	s.offered, s.kernel, s.packets = 0, false, 0
	end(&s.seq)
	t.enterSession(r)
	t.stats.Opened++
	return r, frame.Forwarded
}

// enterSession makes a stored session known: to both indices, to its mapping
// and, as the most recently used, to its guest.
func (t *Table) enterSession(r ref) {
	s := &t.sessions[r-1]
	p := s.tuple.proto
	t.outbound.insert(s.tuple.outboundHash(&t.hash), r)
	t.inbound.insert(s.tuple.inboundHash(&t.hash), r)
	m := &t.mappingNodes[s.mapping-1]
	g := &t.guests[m.guest-1]
	if m.sessions == 0 {
		g.idle[p].remove(t.mappingNodes, s.mapping)
	}
	m.sessions++
	g.sessions++
	t.perNetwork[s.tuple.network]++
	t.sessionNodes[r-1] = node{guest: m.guest}
	g.lru(p, s.state).push(t.sessionNodes, r)
	if h := t.loosest[p]; h == none || g.loose(p) > t.guests[h-1].loose(p) {
		t.loosest[p] = m.guest
	}
}

// removeSession ends a session as of now, or as of when it was due. Its mapping,
// if this was the last one, keeps the port for the quarantine; a UDP mapping at
// least for its own time.
func (t *Table) removeSession(now Time, r ref) {
	t.recall(now, r)
	s := &t.sessions[r-1]
	p, state := s.tuple.proto, s.state
	t.keepPort(s, min(now, t.deadline(s)))
	s.state = free
	t.outbound.remove(s.tuple.outboundHash(&t.hash), r)
	t.inbound.remove(s.tuple.inboundHash(&t.hash), r)
	n := &t.mappingNodes[s.mapping-1]
	g := &t.guests[n.guest-1]
	g.lru(p, state).remove(t.sessionNodes, r)
	g.sessions--
	n.sessions--
	t.perNetwork[s.tuple.network]--
	if n.sessions == 0 {
		g.idle[p].push(t.mappingNodes, s.mapping)
	}
	t.freeSessions.put(r)
	t.stats.Ended++
}

// keepPort puts off the end of s's mapping because s ended at a time.
func (t *Table) keepPort(s *Session, end Time) {
	m := &t.mappings[s.mapping-1]
	m.expires = max(m.expires, s.used+t.timers.hold[s.tuple.proto], end+t.timers.quarantine)
}

// touch notes a packet of session r that came from a side: the state moves on
// and the time is renewed. It writes only what changes, which on a busy session
// is nothing for most packets of a second.
func (t *Table) touch(now Time, r ref, from side, k kind) {
	s := &t.sessions[r-1]
	was := s.state
	next := s.next(now, from, k)
	if next == was && (s.used == now || !next.renewed()) {
		return
	}
	if next != was && !(was == UDPReplied && next == UDPStream) {
		t.recall(now, r)
	}
	g := &t.guests[t.sessionNodes[r-1].guest-1]
	g.lru(s.tuple.proto, s.state).remove(t.sessionNodes, r)
	s.state, s.used = next, now
	g.lru(s.tuple.proto, next).push(t.sessionNodes, r)
}

// refreshMAC notes that the guest now sends from another station address.
func (t *Table) refreshMAC(now Time, r ref, mac wire.MAC) {
	if s := &t.sessions[r-1]; s.mac != mac {
		t.recall(now, r)
		begin(&s.seq)
		s.mac = mac
		end(&s.seq)
	}
}
