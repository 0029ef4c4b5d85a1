package fdb

import (
	"sync/atomic"

	"ubridge/internal/wire"
)

// FlapWindow is the time in seconds within which a further move of a station
// counts as flapping: a loop, or two stations with one address.
const FlapWindow = 60

// group is the bit of an address as a number that makes it a group's.
const group = 1 << 40

// Learn records that station mac was seen on port at second now. Group and zero
// addresses are refused, since no station has one (802.1Q clause 8.7). A static
// entry is never moved. Where the port's limit or the table's end is reached,
// the station is not remembered, and one known on another port stays there
// until it ages; its frames are forwarded all the same. A port that the table
// has no number for has a limit of nought.
//
// Learn may be called by any worker, and it never waits for one that does not
// run: where another is writing for longer than a write takes, what is new is
// Busy and left to the station's next frame. A station known on this port and one
// that is beyond its port's limit are told without the lock. Learn does not
// allocate.
func (t *Table) Learn(mac wire.MAC, port uint16, now uint32) Verdict {
	m := mac.Uint64()
	if m == 0 || m&group != 0 {
		return RefusedSource
	}
	at, s := t.find(m)
	switch {
	case s == word(m, port):
		t.entries[at].refresh(now)
		return Refreshed
	case s == 0 && t.full(port): // a guest that invents addresses keeps nobody from the lock
		return PortLimit
	case !t.tryLock():
		return Busy
	}
	v := t.record(m, port, now)
	t.mu.Unlock()
	return v
}

// lockTries is how often tryLock tries: about as long as a write takes.
const lockTries = 64

// tryLock takes the lock unless its holder has lost the processor.
func (t *Table) tryLock() bool {
	for range lockTries {
		if t.mu.TryLock() {
			return true
		}
	}
	return false
}

// record is Learn with the lock held. It searches again, since others may have
// written before it had the lock.
func (t *Table) record(m uint64, port uint16, now uint32) Verdict {
	at, s := t.find(m)
	switch e := &t.entries[at]; {
	case s == 0:
		return t.learn(at, Entry{station: word(m, port), seen: now, since: now})
	case uint16(s) == port:
		e.refresh(now)
		return Refreshed
	case e.static():
		return Static
	}
	return t.move(at, port, now)
}

// learn puts a new station in the free place at. Nobody can have kept anything
// of it, nor does a search for another pass the place: the generation stays.
func (t *Table) learn(at uint, v Entry) Verdict {
	switch {
	case t.full(v.port()):
		return PortLimit
	case t.n >= t.Cap():
		return TableFull
	}
	t.put(at, v)
	t.count(v.port(), 1)
	t.n++
	return Learned
}

// move changes the port of a learned station.
func (t *Table) move(at uint, port uint16, now uint32) Verdict {
	if t.full(port) {
		return PortLimit
	}
	v := t.entries[at].load()
	if now-v.since > FlapWindow {
		v.moves = 0
	}
	if v.moves < ^uint16(0) {
		v.moves++
	}
	t.change()
	t.count(v.port(), -1)
	t.count(port, 1)
	v.station, v.seen, v.since = station(v.mac(), port), now, now
	t.put(at, v)
	t.change()
	return Moved
}

// full reports whether no further station may be learned on a port.
func (t *Table) full(port uint16) bool {
	return int(port) >= len(t.learned) || atomic.LoadUint32(&t.learned[port]) >= t.limit
}

// SetStatic puts mac on port for good: it does not age, and frames from it on
// other ports do not move it. It reports false for an address that no station
// has, for an unknown port and for a full table.
func (t *Table) SetStatic(mac wire.MAC, port uint16) bool {
	if mac.IsGroup() || mac.IsZero() || int(port) >= len(t.learned) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at, s := t.find(mac.Uint64())
	switch {
	case s == 0 && t.n >= t.Cap():
		return false
	case s == 0:
		t.n++
	case !t.entries[at].static():
		t.count(uint16(s), -1)
	}
	t.change()
	t.put(at, Entry{station: station(mac, port), flags: flagStatic})
	t.change()
	return true
}
