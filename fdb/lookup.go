package fdb

import (
	"math/bits"
	"sync/atomic"

	"ubridge/internal/wire"
)

// lookupTries is how often Lookup searches again if the table changed under it,
// before it takes the station for unknown.
const lookupTries = 4

// Lookup finds the port behind which mac was last seen; ok is false for a
// station unknown or silent for too long, whose frames are flooded. It takes no
// lock and may be called from any goroutine. Beside a writer it may miss a
// station that is being moved to another place, though hardly ever; the port
// that it gives is always one on which the station was learned.
func (t *Table) Lookup(mac wire.MAC, now uint32) (port uint16, ok bool) {
	m, gen := mac.Uint64(), t.gen.Load()
	at, s := t.find(m)
	if s == 0 || t.aged(at, now) {
		return t.lookupAgain(m, now, gen)
	}
	return uint16(s), true
}

// Touch reads where the search for mac starts. What it gives means nothing: it is
// for a caller with several addresses to look up, who lets the processor fetch the
// places of all of them at once, instead of waiting for one after the other. In a
// table of many stations none of them is in a cache.
func (t *Table) Touch(mac wire.MAC) uint64 {
	return t.entries[t.home(mac.Uint64())].word()
}

// Seen is Lookup with the seconds since the station was heard on the port; 0 for a
// static one, which is always there.
func (t *Table) Seen(mac wire.MAC, now uint32) (port uint16, age uint32, ok bool) {
	at, s := t.find(mac.Uint64())
	switch {
	case s == 0 || t.aged(at, now):
		return 0, 0, false
	case t.static(at):
		return uint16(s), 0, true
	}
	return uint16(s), since(now, atomic.LoadUint32(&t.entries[at].seen)), true
}

// lookupAgain repeats a search that found nothing in generation gen, unless the
// table stood still meanwhile.
func (t *Table) lookupAgain(m uint64, now, gen uint32) (port uint16, ok bool) {
	for range lookupTries {
		if gen&1 == 0 && gen == t.gen.Load() {
			break
		}
		gen = t.gen.Load()
		if at, s := t.find(m); s != 0 && !t.aged(at, now) {
			return uint16(s), true
		}
	}
	return 0, false
}

// Gen is the generation of what the table knows, for those who keep results of
// Lookup and Learn. Read it before the call and keep it with the result. As long
// as Gen gives the same number, the call would give the same again:
//
//   - Lookup the port, though for a station that has aged since only until
//     Expire comes to it;
//   - Learn in the same second Refreshed after Refreshed, Learned or Moved, and
//     otherwise the same verdict, except after Busy, which is not to be kept.
//
// The number changes before a station moves, becomes static or is removed, and
// once more after it, so that nothing kept from before the change is used once
// it is done. A new station does not change it: no result that found a station
// becomes false by it. That a station was unknown is therefore not to be kept.
func (t *Table) Gen() uint32 { return t.gen.Load() }

// change opens and closes a change of what others may have kept or may be
// searching through. The lock is held, and the generation is odd in between.
func (t *Table) change() { t.gen.Add(1) }

// aged reports whether the station at a place was silent for too long. Unlike
// the entry's own method it needs no lock.
func (t *Table) aged(at uint, now uint32) bool {
	return t.entries[at].silent(now, t.ageing) && !t.static(at)
}

// static reports whether the place holds a static entry.
func (t *Table) static(at uint) bool {
	return atomic.LoadUint32(&t.statics[at/32])&(1<<(at%32)) != 0
}

// find gives the place of an address and what its station word says, or the free
// place where it would go and zero. It ends also if others fill and free the
// places before and behind it.
func (t *Table) find(mac uint64) (at uint, s uint64) {
	entries, mask := t.entries, t.mask
	at = t.home(mac)
	for range entries {
		s = entries[at].word()
		if s == 0 || s>>16 == mac {
			return at, s
		}
		at = (at + 1) & mask
	}
	return at, 0
}

// home is where the search for an address starts: two rounds of folded 128-bit
// multiplication, the second keyed like the first, so that collisions of one
// seed say nothing of another.
func (t *Table) home(mac uint64) uint {
	hi, lo := bits.Mul64(mac^t.seed, 0x9e3779b97f4a7c15)
	hi, lo = bits.Mul64(hi^lo, (t.seed^0xd1342543de82ef95)|1)
	return uint(hi^lo) & t.mask
}
