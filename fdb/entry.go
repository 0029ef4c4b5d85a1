package fdb

import (
	"sync/atomic"

	"ubridge/internal/wire"
)

// LayoutVersion names the layout of Entry. It changes whenever Entry does, so
// that a mapped file of another layout is not taken for one of this.
const LayoutVersion = 1

// Entry is one place of a table. Its fields are the table's own; it holds no
// pointers, and two fill a cache line. The zero Entry is free.
//
// The words seen and station are read and written atomically, since other
// workers look at them at any time. The rest belongs to who holds the lock.
type Entry struct {
	seq     uint32 // odd while the entry is being written
	seen    uint32 // second in which the station last sent a frame
	station uint64 // address in the upper 48 bits, port in the lower 16; 0 if free
	since   uint32 // second in which it was learned or last moved
	moves   uint16 // moves that followed one another within FlapWindow
	flags   uint8
	_       [9]byte
}

// flagStatic marks a station that was set and neither moves nor ages.
const flagStatic = 1

func station(mac wire.MAC, port uint16) uint64 { return word(mac.Uint64(), port) }

func word(mac uint64, port uint16) uint64 { return mac<<16 | uint64(port) }

func (e *Entry) word() uint64  { return atomic.LoadUint64(&e.station) }
func (e *Entry) mac() wire.MAC { return wire.MACFromUint64(e.word() >> 16) }
func (e *Entry) port() uint16  { return uint16(e.word()) }
func (e *Entry) free() bool    { return e.word() == 0 }
func (e *Entry) static() bool  { return e.flags&flagStatic != 0 }
func (e *Entry) torn() bool    { return e.seq&1 != 0 }

// silent reports whether the station sent nothing for longer than ageing
// seconds. A clock that reads slightly earlier than the entry does not make it so.
func (e *Entry) silent(now, ageing uint32) bool {
	return int32(now-atomic.LoadUint32(&e.seen)) > int32(ageing)
}

// aged reports whether the station was silent for too long and is not static.
func (e *Entry) aged(now, ageing uint32) bool { return !e.static() && e.silent(now, ageing) }

// refresh makes the station young. It writes at most once a second, which spares
// a busy station's cache line, and never makes it older: another worker's clock
// may be a second ahead.
func (e *Entry) refresh(now uint32) {
	if int32(now-atomic.LoadUint32(&e.seen)) > 0 {
		atomic.StoreUint32(&e.seen, now)
	}
}

// load copies the entry, whose age another worker may be writing.
func (e *Entry) load() Entry {
	return Entry{
		seen: atomic.LoadUint32(&e.seen), station: e.word(),
		since: e.since, moves: e.moves, flags: e.flags,
	}
}

// write replaces the entry but for its sequence word, which is odd meanwhile. It
// is made odd by setting the bit, not by adding one, which would mark an entry
// left odd by a killed process as whole. The station comes last, so that who
// finds it in a place that was free finds its age.
func (e *Entry) write(v Entry) {
	busy := e.seq | 1
	atomic.StoreUint32(&e.seq, busy)
	e.since, e.moves, e.flags = v.since, v.moves, v.flags
	atomic.StoreUint32(&e.seen, v.seen)
	atomic.StoreUint64(&e.station, v.station)
	atomic.StoreUint32(&e.seq, busy+1)
}
