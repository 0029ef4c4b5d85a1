package nat

import (
	"math/bits"
	"sync/atomic"
)

const (
	numPorts   = 1 << 16
	portWords  = numPorts / 64
	portBitLen = 2 * portWords
)

// pool is the outside ports of one protocol: which may be given out, which are
// held, and by which mapping.
type pool struct {
	member [portWords]uint64 // may be given out
	free   [portWords]uint64 // member and not held
	owner  []ref             // the mapping that holds a port
	bits   []uint64          // the kernel's copy of "held"; nil for echo

	first, span     uint32 // the range where a search starts
	members, unheld int    // bits in member and in free
	held            int    // ports held, members or not
}

func newPool(first, last uint16) *pool {
	p := &pool{owner: make([]ref, numPorts), span: numPorts}
	if last == 0 {
		return p
	}
	p.first, p.span = uint32(first), uint32(last)-uint32(first)+1
	for port := uint32(first); port <= uint32(last); port++ {
		p.add(uint16(port))
	}
	return p
}

func bit(port uint16) (word int, mask uint64) { return int(port >> 6), 1 << (port & 63) }

// add makes port one that may be given out.
func (p *pool) add(port uint16) {
	w, mask := bit(port)
	if p.member[w]&mask != 0 {
		return
	}
	p.member[w] |= mask
	p.members++
	if p.owner[port] == none {
		p.free[w] |= mask
		p.unheld++
	}
}

// exclude makes port one that is not given out again; a mapping that holds it
// keeps it.
func (p *pool) exclude(port uint16) {
	w, mask := bit(port)
	if p.member[w]&mask == 0 {
		return
	}
	p.member[w] &^= mask
	p.members--
	if p.free[w]&mask != 0 {
		p.free[w] &^= mask
		p.unheld--
	}
}

// isFree reports whether port can be taken.
func (p *pool) isFree(port uint16) bool {
	w, mask := bit(port)
	return p.free[w]&mask != 0
}

// pick is the first free port from a place in the range that random chooses,
// so that an outsider cannot tell the next port from the last. The caller has
// seen that one is free.
func (p *pool) pick(random uint32) uint16 {
	start := uint16(p.first + uint32(uint64(random)*uint64(p.span)>>32))
	w, _ := bit(start)
	word := p.free[w] &^ (1<<(start&63) - 1)
	for word == 0 {
		w = (w + 1) % portWords
		word = p.free[w]
	}
	return uint16(w<<6 + bits.TrailingZeros64(word))
}

// take gives port to mapping m, free or not: at resume a mapping may hold a
// port that is no member.
func (p *pool) take(port uint16, m ref) {
	w, mask := bit(port)
	if p.free[w]&mask != 0 {
		p.free[w] &^= mask
		p.unheld--
	}
	p.owner[port] = m
	p.held++
	p.store(w, mask, mask)
}

// release takes port back. Its bit goes last: until then the host's stack must
// stay silent.
func (p *pool) release(port uint16) {
	w, mask := bit(port)
	p.owner[port] = none
	p.held--
	if p.member[w]&mask != 0 {
		p.free[w] |= mask
		p.unheld++
	}
	p.store(w, mask, 0)
}

// store changes one bit of the kernel's copy. This process is its only writer.
func (p *pool) store(w int, mask, value uint64) {
	if p.bits != nil {
		atomic.StoreUint64(&p.bits[w], p.bits[w]&^mask|value)
	}
}

// publish makes words the kernel's copy and brings each up to date with one
// store, so that no held port is unset for an instant.
func (p *pool) publish(words []uint64) {
	p.bits = words
	for w := range words {
		var v uint64
		for i := range 64 {
			if p.owner[w<<6+i] != none {
				v |= 1 << i
			}
		}
		atomic.StoreUint64(&words[w], v)
	}
}
