package nat

import "ubridge/dataplane/frame"

// Expire ends what is over by now: sessions, ports whose quarantine is over,
// fragments that waited in vain. It looks at up to budget slots of each table
// and goes on there the next time, so that a call's work is bounded; a slot that
// it has not come by is still not taken for alive. It also takes the memory of
// released fragments back, so call it between batches.
func (t *Table) Expire(now Time, budget int) {
	t.frags.freeSpent()
	t.frags.expire(now, &t.hash, budget)
	t.expireSessions(now, budget)
	t.expireMappings(now, budget)
}

// advance moves a sweep's hand to the next slot of those up to high.
func advance(hand *ref, high ref) ref {
	if *hand >= high {
		*hand = none
	}
	*hand++
	return *hand
}

func (t *Table) expireSessions(now Time, budget int) {
	high := t.freeSessions.high
	for range min(budget, int(high)) {
		r := advance(&t.sessionHand, high)
		if t.sessions[r-1].state != free && t.over(now, r) {
			t.removeSession(now, r)
		}
	}
}

func (t *Table) expireMappings(now Time, budget int) {
	high := t.freeMappings.high
	for range min(budget, int(high)) {
		r := advance(&t.mappingHand, high)
		if t.mappings[r-1].live && t.lapsed(now, r) {
			t.freeMapping(r)
		}
	}
}

func (d *datagrams) expire(now Time, h *hasher, budget int) {
	high := d.unused.high
	for range min(budget, int(high)) {
		r := advance(&d.sweep, high)
		if g := &d.records[r-1]; g.live() && g.deadline <= now {
			d.remove(h, r, frame.FragmentTimeout)
		}
	}
}

// freeSpent takes back the runs that the caller has sent by now.
func (d *datagrams) freeSpent() {
	for d.spent != none {
		next := d.store.next[d.spent-1]
		d.store.free(d.spent)
		d.spent = next
	}
}
