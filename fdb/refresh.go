package fdb

import "ubridge/internal/wire"

// Refresh notes that a station, if it is known on port, was heard there at second
// seen, by somebody who forwards for the caller; it never makes it older. It reports
// whether the station is known there and has not aged by now. Like Lookup it takes no
// lock and may be called from any goroutine.
func (t *Table) Refresh(mac wire.MAC, port uint16, seen, now uint32) bool {
	at, s := t.find(mac.Uint64())
	if s == 0 || uint16(s) != port {
		return false
	}
	t.entries[at].refresh(seen)
	return !t.aged(at, now)
}
