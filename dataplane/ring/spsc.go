package ring

import (
	"fmt"
	"sync/atomic"
)

// apart keeps what two cores write out of each other's cache lines: two lines,
// since x86 processors fetch them in pairs.
const apart = 128

// maxSize leaves the difference of two indices without doubt.
const maxSize = 1 << 30

// SPSC is a ring of slots with a single producer and a single consumer. Make it
// with New.
type SPSC struct {
	mask     uint32 // size - 1; never changes
	closed   atomic.Bool
	sleeping atomic.Bool // the consumer wants a wakeup
	_        [apart]byte

	tail      atomic.Uint32 // slots published so far; the producer's
	knownHead uint32        // the producer's copy of head, never ahead of it
	_         [apart]byte

	head      atomic.Uint32 // slots released so far; the consumer's
	knownTail uint32        // the consumer's copy of tail, never ahead of it
	_         [apart]byte
}

// New makes a ring of size slots, which must be a power of two.
func New(size int) (*SPSC, error) { return newAt(size, 0) }

// newAt starts the indices at start, for tests of their end.
func newAt(size int, start uint32) (*SPSC, error) {
	if size < 1 || size > maxSize || size&(size-1) != 0 {
		return nil, fmt.Errorf("ring of %d slots: make it a power of two, 1 to %d", size, maxSize)
	}
	r := &SPSC{mask: uint32(size - 1), knownHead: start, knownTail: start}
	r.tail.Store(start)
	r.head.Store(start)
	return r, nil
}

// Size is the number of slots; slot numbers are below it.
func (r *SPSC) Size() int { return int(r.mask) + 1 }

// Room is the number of slots that the producer may fill. There may be more of
// them: the consumer's index is read only if fewer than want are known of. A
// closed ring has no room.
func (r *SPSC) Room(want uint32) uint32 {
	if r.closed.Load() {
		return 0
	}
	tail, size := r.tail.Load(), r.mask+1
	if size-(tail-r.knownHead) < want {
		r.knownHead = r.head.Load()
	}
	return size - (tail - r.knownHead)
}

// Slot is the number of the i-th slot that the producer may fill; i is below
// what Room gave.
func (r *SPSC) Slot(i uint32) uint32 { return (r.tail.Load() + i) & r.mask }

// Publish makes the producer's next n slots the consumer's, all at once; n is at
// most what Room gave.
func (r *SPSC) Publish(n uint32) { r.tail.Store(r.tail.Load() + n) }

// NeedsWake reports, after Publish or Close, whether the producer must wake the
// consumer. It is true once for each sleep.
func (r *SPSC) NeedsWake() bool { return r.sleeping.Load() && r.sleeping.Swap(false) }

// Len is the number of slots that the consumer may use. There may be more of
// them: the producer's index is read only if fewer than want are known of.
func (r *SPSC) Len(want uint32) uint32 {
	head := r.head.Load()
	if r.knownTail-head < want {
		r.knownTail = r.tail.Load()
	}
	return r.knownTail - head
}

// At is the number of the i-th slot that the consumer may use; i is below what
// Len gave.
func (r *SPSC) At(i uint32) uint32 { return (r.head.Load() + i) & r.mask }

// Release gives the consumer's first n slots back to the producer, all at once;
// n is at most what Len gave.
func (r *SPSC) Release(n uint32) { r.head.Store(r.head.Load() + n) }

// PrepareSleep tells the producer that the consumer wants a wakeup. If it is
// false, something is there or the ring is closed: the consumer must not block.
func (r *SPSC) PrepareSleep() bool {
	r.sleeping.Store(true)
	if r.tail.Load() == r.head.Load() && !r.closed.Load() {
		return true
	}
	r.sleeping.Store(false)
	return false
}

// Awake takes the consumer's wish for a wakeup back, whatever it was woken by.
func (r *SPSC) Awake() { r.sleeping.Store(false) }

// Close ends the ring; either side may do it, more than once. The producer asks
// NeedsWake after it, and the consumer uses what is left.
func (r *SPSC) Close() { r.closed.Store(true) }

// Closed reports whether either side has closed the ring.
func (r *SPSC) Closed() bool { return r.closed.Load() }

// Done reports to the consumer that the ring is closed and nothing is left. It
// is final if the producer closed it.
func (r *SPSC) Done() bool {
	return r.closed.Load() && r.tail.Load() == r.head.Load() // in this order: closed is stored last
}
