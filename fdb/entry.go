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

func station(mac wire.MAC, port uint16) uint64 { return mac.Uint64()<<16 | uint64(port) }

func (e *Entry) mac() wire.MAC { return wire.MACFromUint64(e.station >> 16) }
func (e *Entry) port() uint16  { return uint16(e.station) }
func (e *Entry) free() bool    { return e.station == 0 }
func (e *Entry) static() bool  { return e.flags&flagStatic != 0 }
func (e *Entry) torn() bool    { return e.seq&1 != 0 }

// aged reports whether the station was silent for longer than ageing seconds. A
// clock that reads slightly earlier than the entry does not age it.
func (e *Entry) aged(now, ageing uint32) bool {
	return !e.static() && int32(now-e.seen) > int32(ageing)
}

// write replaces the entry but for its sequence word, which is odd meanwhile. It
// is made odd by setting the bit, not by adding one, which would mark an entry
// left odd by a killed process as whole.
func (e *Entry) write(v Entry) {
	busy := e.seq | 1
	atomic.StoreUint32(&e.seq, busy)
	v.seq = busy
	*e = v
	atomic.StoreUint32(&e.seq, busy+1)
}
