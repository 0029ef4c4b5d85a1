package nat

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

const (
	chunkBytes = 2048

	// ReleasedOffset is where L3 starts in the memory of a released fragment:
	// room for an Ethernet header, and the headroom of every frame before it.
	ReleasedOffset = frame.Headroom + wire.EthernetLen
)

// store keeps fragments that wait. Each lies in a run of consecutive chunks,
// since it is handed back as one frame; a run is named by its first chunk.
type store struct {
	mem    []byte
	used   []bool
	next   []ref    // the run after this one of the same datagram
	size   []uint16 // bytes of the packet in a run
	unused uint32   // chunks
	hand   int      // where the next search starts
}

func newStore(bytes int) store {
	n := bytes / chunkBytes
	return store{
		mem: make([]byte, n*chunkBytes), used: make([]bool, n),
		next: make([]ref, n), size: make([]uint16, n), unused: uint32(n),
	}
}

// chunksFor is the length of the run for a packet of n bytes.
func chunksFor(n int) int { return (ReleasedOffset + n + chunkBytes - 1) / chunkBytes }

// put copies a packet to a free run; none where no run is long enough.
func (s *store) put(packet []byte) ref {
	n := chunksFor(len(packet))
	r := s.run(n)
	if r == none {
		return none
	}
	for i := range n {
		s.used[int(r)-1+i] = true
	}
	s.unused -= uint32(n)
	s.next[r-1], s.size[r-1] = none, uint16(len(packet))
	copy(s.room(r)[ReleasedOffset:], packet)
	return r
}

// run finds n free chunks in a row, going once round from the hand.
func (s *store) run(n int) ref {
	length := 0
	for i := range len(s.used) + n {
		at := (s.hand + i) % len(s.used)
		if at == 0 {
			length = 0
		}
		if length++; s.used[at] {
			length = 0
		}
		if length == n {
			s.hand = (at + 1) % len(s.used)
			return ref(at - n + 2)
		}
	}
	return none
}

// free gives run r back and tells how many chunks it had.
func (s *store) free(r ref) int {
	n := s.chunks(r)
	for i := range n {
		s.used[int(r)-1+i] = false
	}
	s.unused += uint32(n)
	return n
}

func (s *store) chunks(r ref) int { return chunksFor(int(s.size[r-1])) }

// room is all memory of run r.
func (s *store) room(r ref) []byte {
	at := (int(r) - 1) * chunkBytes
	return s.mem[at : at+s.chunks(r)*chunkBytes]
}
