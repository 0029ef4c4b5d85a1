package nat

import "ubridge/dataplane/frame"

// findMapping is the mapping of k's inside endpoint.
func (t *Table) findMapping(now Time, k *tuple) ref {
	h := k.mappingHash(&t.hash)
	for r, at := t.mappingIndex.probe(h, h); r != none; r, at = t.mappingIndex.probe(h, at) {
		if !t.mappings[r-1].is(k) {
			continue
		}
		if t.lapsed(now, r) {
			t.freeMapping(r)
			return none
		}
		return r
	}
	return none
}

// lapsed reports whether no session uses m and its time is over.
func (t *Table) lapsed(now Time, m ref) bool {
	return t.mappingNodes[m-1].sessions == 0 && t.mappings[m-1].expires <= now
}

// bind makes a mapping for k's inside endpoint: an outside port that stays its
// own, for all remotes, until the last session and the quarantine are over.
func (t *Table) bind(now Time, k *tuple) (ref, frame.Reason) {
	if r := t.portRoom(now, t.findGuest(k.network, k.inside), k.proto); r != frame.Forwarded {
		return none, r
	}
	port := t.choosePort(k)
	r := t.freeMappings.take()
	m := &t.mappings[r-1]
	begin(&m.seq)
	m.inside, m.outside, m.network, m.proto = k.inside, k.outside, k.network, k.proto
	m.insidePort, m.outsidePort = k.insidePort, port
	m.expires, m.live = 0, true
	end(&m.seq)
	t.enterMapping(r)
	if t.bound != nil {
		t.bound()
	}
	return r, frame.Forwarded
}

// choosePort keeps the guest's own port where that is free in the pool: to a
// reader of traces an unchanged number is worth something, and it costs nothing.
func (t *Table) choosePort(k *tuple) uint16 {
	p := t.pools[k.proto]
	if p.isFree(k.insidePort) {
		return k.insidePort
	}
	t.picks++
	return p.pick(t.hash.sum(uint64(k.inside)<<32|uint64(k.remote),
		uint64(k.insidePort)<<48|uint64(k.network)<<16|uint64(k.proto), t.picks<<2|3))
}

// enterMapping makes a stored mapping known: to the index, to the pool and, as
// one that no session uses yet, to its guest.
func (t *Table) enterMapping(r ref) {
	m := &t.mappings[r-1]
	k := m.tuple()
	gr := t.guestOf(m.network, m.inside)
	g := &t.guests[gr-1]
	t.mappingNodes[r-1] = node{guest: gr}
	t.mappingIndex.insert(k.mappingHash(&t.hash), r)
	t.pools[m.proto].take(m.outsidePort, r)
	g.ports[m.proto]++
	g.idle[m.proto].push(t.mappingNodes, r)
}

// freeMapping ends a mapping that no session uses.
func (t *Table) freeMapping(r ref) {
	m, gr := &t.mappings[r-1], t.mappingNodes[r-1].guest
	k := m.tuple()
	m.live = false
	t.pools[m.proto].release(m.outsidePort)
	t.mappingIndex.remove(k.mappingHash(&t.hash), r)
	g := &t.guests[gr-1]
	g.idle[m.proto].remove(t.mappingNodes, r)
	g.ports[m.proto]--
	t.freeMappings.put(r)
	t.leave(gr)
}
