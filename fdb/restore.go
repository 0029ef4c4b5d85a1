package fdb

import (
	"cmp"
	"slices"
)

// Restored says what New found in its entries.
type Restored struct {
	Kept    int // stations resumed
	Aged    int // silent for too long
	Gone    int // on a port that is no more
	Torn    int // left unfinished by a killed process, twice, or no station's address
	Refused int // beyond a limit or the table's end
}

// Restored tells what New found.
func (t *Table) Restored() Restored { return t.restored }

// restore builds the table anew from what is whole: nothing that a killed
// process may have left half done is relied on.
func (t *Table) restore(c Config) {
	var kept []Entry
	for i := range t.entries {
		if e := &t.entries[i]; (!e.free() || e.torn()) && t.resumable(e, c) {
			kept = append(kept, *e)
		}
	}
	// Set before learned, young before old: what comes first has the place.
	slices.SortStableFunc(kept, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(b.flags, a.flags), cmp.Compare(b.seen, a.seen))
	})
	clear(t.entries)
	for _, e := range kept {
		t.resume(e)
	}
}

// resumable sorts out entries and gives those that stay their present port.
func (t *Table) resumable(e *Entry, c Config) bool {
	switch mac := e.mac(); {
	case e.torn(), mac.IsGroup(), mac.IsZero(), e.flags&^flagStatic != 0:
		t.restored.Torn++
		return false
	case e.aged(c.Now, t.ageing):
		t.restored.Aged++
		return false
	}
	port, ok := e.port(), true
	if c.Remap != nil {
		port, ok = c.Remap(port)
	}
	if !ok || int(port) >= len(t.learned) {
		t.restored.Gone++
		return false
	}
	e.station = station(e.mac(), port)
	if int32(c.Now-e.seen) < 0 { // not from the future, or it would stay too long
		e.seen = c.Now
	}
	return true
}

func (t *Table) resume(e Entry) {
	at, twice := t.find(e.station >> 16)
	switch {
	case twice != 0:
		t.restored.Torn++
		return
	case t.n >= t.Cap(), !e.static() && t.full(e.port()):
		t.restored.Refused++
		return
	}
	if !e.static() {
		t.count(e.port(), 1)
	}
	t.put(at, e)
	t.n++
	t.restored.Kept++
}
