package fdb

import "ubridge/internal/wire"

// Station is what a table knows of a station.
type Station struct {
	MAC    wire.MAC
	Port   uint16
	Static bool
	Age    uint32 // seconds since its last frame; 0 for a static one
	Stays  uint32 // seconds since it was learned or moved; 0 for a static one
	Moves  int    // moves that each followed the one before within FlapWindow; more than a few is flapping
}

// Walk shows fn the stations in up to max places from cursor on, aged ones left
// out, and returns the cursor to go on with: 0 when the walk is over, as it is 0
// at the start. If the table changes meanwhile, a station may be shown twice or
// not at all. The lock is not held while fn runs.
func (t *Table) Walk(cursor, max int, now uint32, fn func(Station)) (next int) {
	end := len(t.entries)
	if max < end-cursor {
		end = cursor + max
	}
	for i := cursor; i < end; i++ {
		if e := t.copy(uint(i)); !e.free() && !e.aged(now, t.ageing) {
			fn(e.show(now))
		}
	}
	if end == len(t.entries) {
		return 0
	}
	return end
}

// copy gives the entry in a place, whole.
func (t *Table) copy(at uint) Entry {
	if t.entries[at].free() {
		return Entry{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entries[at].load()
}

func (e *Entry) show(now uint32) Station {
	s := Station{MAC: e.mac(), Port: e.port(), Static: e.static()}
	if s.Static {
		return s
	}
	s.Age, s.Stays = since(now, e.seen), since(now, e.since)
	if s.Stays <= FlapWindow {
		s.Moves = int(e.moves)
	}
	return s
}

// since is the seconds from then to now, not below zero.
func since(now, then uint32) uint32 { return uint32(max(int32(now-then), 0)) }
