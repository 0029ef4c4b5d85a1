package nat

// reclaimTries bounds how many sessions are given up in search of a port: a
// mapping is free only when its last session is gone.
const reclaimTries = 8

// reclaimSession gives up the session that is worth least to guest g and
// reports whether there was one.
func (t *Table) reclaimSession(now Time, g ref) bool {
	victim := none
	for p := range Proto(numProtos) {
		victim = t.older(victim, t.victim(now, g, p))
	}
	if victim == none {
		return false
	}
	t.evict(now, victim)
	return true
}

// reclaimPort frees a port of protocol p that guest g holds: one that no
// session uses, else the port of sessions worth little.
func (t *Table) reclaimPort(now Time, g ref, p Proto) bool {
	return t.reclaimFrom(g, p, now, t.victim)
}

// levelPort frees a port for a guest at its share that has nothing idle of its
// own: an established flow is worth more than another guest's unestablished one.
// It takes from the guest with most of those, down to what that one could take
// anew, and gives no guest more than half of all.
func (t *Table) levelPort(now Time, g ref, p Proto) bool {
	h, pool := t.loosest[p], t.pools[p]
	if h == none || h == g || int(t.guests[g-1].ports[p]) >= pool.members/2 || int(t.guests[h-1].ports[p]) <= pool.unheld {
		return false
	}
	return t.reclaimFrom(h, p, now, func(_ Time, g ref, p Proto) ref { return t.guests[g-1].young[p].head })
}

// reclaimFrom frees a port of g, giving up sessions that victim names where no
// port is idle.
func (t *Table) reclaimFrom(g ref, p Proto, now Time, victim func(Time, ref, Proto) ref) bool {
	if m := t.guests[g-1].idle[p].head; m != none {
		t.freeMapping(m)
		t.stats.Reclaimed++
		return true
	}
	for range reclaimTries {
		s := victim(now, g, p)
		if s == none {
			return false
		}
		m := t.sessions[s-1].mapping
		t.evict(now, s)
		if t.mappingNodes[m-1].sessions == 0 {
			t.freeMapping(m)
			return true
		}
	}
	return false
}

// reclaimSlot frees a mapping slot that guest g holds, of whatever protocol.
func (t *Table) reclaimSlot(now Time, g ref) bool {
	for p := range Proto(numProtos) {
		if t.guests[g-1].ports[p] > 0 && t.reclaimPort(now, g, p) {
			return true
		}
	}
	return false
}

// victim is the session of protocol p that guest g misses least: the least
// recently used that is not assured; then an established one idle for longer
// than any NAT has to keep it, as a guest leaves behind that was switched off.
func (t *Table) victim(now Time, g ref, p Proto) ref {
	if r := t.eldest(now, &t.guests[g-1].young[p]); r != none {
		return r
	}
	r := t.eldest(now, &t.guests[g-1].assured[p])
	if r != none && now-t.sessions[r-1].used >= minEstablished {
		return r
	}
	return none
}

// eldest is the head of a list, after sessions that the Kernel has used since they came
// there have gone to its end.
func (t *Table) eldest(now Time, l *list) ref {
	for range reclaimTries {
		r := l.head
		if r == none {
			break
		}
		if t.catchUp(now, r); l.head == r {
			break
		}
	}
	return l.head
}

// older is the one of a and b that was used longer ago, one that is not assured
// before one that is.
func (t *Table) older(a, b ref) ref {
	if a == none || b == none {
		return max(a, b)
	}
	x, y := &t.sessions[a-1], &t.sessions[b-1]
	if x.state.assured() != y.state.assured() {
		if x.state.assured() {
			return b
		}
		return a
	}
	if y.used < x.used {
		return b
	}
	return a
}

func (t *Table) evict(now Time, s ref) {
	t.removeSession(now, s)
	t.stats.Reclaimed++
}
