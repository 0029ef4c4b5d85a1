package fdb

import "ubridge/internal/wire"

// FlapWindow is the time in seconds within which a further move of a station
// counts as flapping: a loop, or two stations with one address.
const FlapWindow = 60

// Learn records that station mac was seen on port at second now. Group and zero
// addresses are refused, since no station has one (802.1Q clause 8.7). A static
// entry is never moved. Where the port's limit or the table's end is reached,
// the station is not remembered, and one known on another port stays there
// until it ages; its frames are forwarded all the same. A port that the table
// has no number for has a limit of nought. Learn is to be called by the worker
// that owns the table; it does not allocate.
func (t *Table) Learn(mac wire.MAC, port uint16, now uint32) Verdict {
	if mac.IsGroup() || mac.IsZero() {
		return RefusedSource
	}

	at, found := t.find(mac.Uint64())
	if !found {
		return t.learn(at, Entry{station: station(mac, port), seen: now, since: now})
	}

	e := &t.entries[at]
	switch {
	case e.port() == port:
		if e.seen != now { // spares a busy station's cache line
			e.seen = now
		}
		return Refreshed
	case e.static():
		return Static
	}
	return t.move(e, port, now)
}

// learn puts a new station in the free place at.
func (t *Table) learn(at uint, v Entry) Verdict {
	switch {
	case t.full(v.port()):
		return PortLimit
	case t.n >= t.Cap():
		return TableFull
	}
	t.entries[at].write(v)
	t.learned[v.port()]++
	t.n++
	return Learned
}

// move changes the port of a learned station.
func (t *Table) move(e *Entry, port uint16, now uint32) Verdict {
	if t.full(port) {
		return PortLimit
	}
	v := *e
	if now-v.since > FlapWindow {
		v.moves = 0
	}
	if v.moves < ^uint16(0) {
		v.moves++
	}
	t.learned[v.port()]--
	t.learned[port]++
	v.station, v.seen, v.since = station(v.mac(), port), now, now
	e.write(v)
	return Moved
}

// full reports whether no further station may be learned on a port.
func (t *Table) full(port uint16) bool {
	return int(port) >= len(t.learned) || t.learned[port] >= t.limit
}

// SetStatic puts mac on port for good: it does not age, and frames from it on
// other ports do not move it. It reports false for an address that no station
// has, for an unknown port and for a full table.
func (t *Table) SetStatic(mac wire.MAC, port uint16) bool {
	if mac.IsGroup() || mac.IsZero() || int(port) >= len(t.learned) {
		return false
	}
	at, found := t.find(mac.Uint64())
	if e := &t.entries[at]; found && !e.static() {
		t.learned[e.port()]--
	} else if !found {
		if t.n >= t.Cap() {
			return false
		}
		t.n++
	}
	t.entries[at].write(Entry{station: station(mac, port), flags: flagStatic})
	return true
}
