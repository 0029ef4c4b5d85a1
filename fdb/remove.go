package fdb

import "ubridge/internal/wire"

// Delete forgets a station, static or not, and reports whether it was known.
func (t *Table) Delete(mac wire.MAC) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, s := t.find(mac.Uint64())
	if s != 0 {
		t.remove(at)
	}
	return s != 0
}

// FlushPort forgets the stations learned on a port and reports how many; static
// ones stay, as when a bridge port is flushed. It looks at every entry. Beside a
// worker that still learns on the port, some may be left.
func (t *Table) FlushPort(port uint16) (n int) {
	for at := uint(0); at <= t.mask; {
		if e := &t.entries[at]; e.free() || e.port() != port || !t.flush(at, port) {
			at++
			continue
		}
		n++ // another station may have come to this place: look again
	}
	return n
}

// flush removes the station in a place if it was learned on a port.
func (t *Table) flush(at uint, port uint16) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := &t.entries[at]; e.free() || e.static() || e.port() != port {
		return false
	}
	t.remove(at)
	return true
}

// Expire forgets stations that were silent for too long. It looks at up to
// budget entries, going on where the last call stopped, and reports how many
// stations it forgot. It takes the lock for one station at a time, so that
// learners are hardly ever refused; it is called by one worker only.
func (t *Table) Expire(now uint32, budget int) (n int) {
	for range min(budget, 2*len(t.entries)) {
		if at := t.cursor; t.entries[at].free() || !t.aged(at, now) || !t.expire(at, now) {
			t.cursor = (at + 1) & t.mask
			continue
		}
		n++
	}
	return n
}

// expire removes the station in a place if it has aged; it may have spoken, or
// the place may be another's, since that was found out without the lock.
func (t *Table) expire(at uint, now uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := &t.entries[at]; e.free() || !e.aged(now, t.ageing) {
		return false
	}
	t.remove(at)
	return true
}

// remove frees the place hole and closes the gap: see the package's theory of
// operation. A station is written to its new place before its old one is given
// to another, so that no search misses it but one that is between the two.
func (t *Table) remove(hole uint) {
	t.change()
	if e := &t.entries[hole]; !e.static() {
		t.count(e.port(), -1)
	}
	t.n--
	for at := (hole + 1) & t.mask; !t.entries[at].free(); at = (at + 1) & t.mask {
		// Distances are counted back from at, around the table's end: home is
		// at or before the hole if it is at least as far away.
		home := t.home(t.entries[at].word() >> 16)
		if (at-home)&t.mask >= (at-hole)&t.mask {
			t.put(hole, t.entries[at].load())
			hole = at
		}
	}
	t.put(hole, Entry{})
	t.change()
}
