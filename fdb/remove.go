package fdb

import "ubridge/internal/wire"

// Delete forgets a station, static or not, and reports whether it was known.
func (t *Table) Delete(mac wire.MAC) bool {
	at, found := t.find(mac.Uint64())
	if found {
		t.remove(at)
	}
	return found
}

// FlushPort forgets the stations learned on a port and reports how many; static
// ones stay, as when a bridge port is flushed. It looks at every entry.
func (t *Table) FlushPort(port uint16) (n int) {
	for at := uint(0); at <= t.mask; {
		if e := &t.entries[at]; e.free() || e.static() || e.port() != port {
			at++
			continue
		}
		t.remove(at) // another station may have come to this place: look again
		n++
	}
	return n
}

// Expire forgets stations that were silent for too long. It looks at up to
// budget entries, going on where the last call stopped, and reports how many
// stations it forgot.
func (t *Table) Expire(now uint32, budget int) (n int) {
	for range min(budget, 2*len(t.entries)) {
		if e := &t.entries[t.cursor]; e.free() || !e.aged(now, t.ageing) {
			t.cursor = (t.cursor + 1) & t.mask
			continue
		}
		t.remove(t.cursor)
		n++
	}
	return n
}

// remove frees the place hole and closes the gap: see the package's theory of
// operation.
func (t *Table) remove(hole uint) {
	if e := &t.entries[hole]; !e.static() {
		t.learned[e.port()]--
	}
	t.n--
	for at := (hole + 1) & t.mask; !t.entries[at].free(); at = (at + 1) & t.mask {
		// Distances are counted back from at, around the table's end: home is
		// at or before the hole if it is at least as far away.
		home := t.home(t.entries[at].station >> 16)
		if (at-home)&t.mask >= (at-hole)&t.mask {
			t.entries[hole].write(t.entries[at])
			hole = at
		}
	}
	t.entries[hole].write(Entry{})
}
