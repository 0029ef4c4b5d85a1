package nat

import "math/bits"

// ref names a slot of an array: its position plus one, so that zero is none.
type ref uint32

// none is the ref of no slot.
const none ref = 0

// index finds slots by hash: open addressing with linear probing over words
// that hold the hash beside the ref, so that a wrong slot is hardly ever
// touched. It is at most half full.
type index struct {
	words []uint64 // hash<<32 | ref; zero is empty
	mask  uint32
}

func newIndex(capacity int) index {
	n := 1 << bits.Len(uint(max(capacity, 8)*2-1))
	return index{words: make([]uint64, n), mask: uint32(n - 1)}
}

// probe gives the next ref stored under hash, starting at place at (first the
// hash itself, then what the last probe gave back); none at the end.
func (x *index) probe(hash, at uint32) (r ref, next uint32) {
	for i := at & x.mask; ; i = (i + 1) & x.mask {
		w := x.words[i]
		if w == 0 {
			return none, i
		}
		if uint32(w>>32) == hash {
			return ref(uint32(w)), i + 1
		}
	}
}

func (x *index) insert(hash uint32, r ref) {
	i := hash & x.mask
	for x.words[i] != 0 {
		i = (i + 1) & x.mask
	}
	x.words[i] = uint64(hash)<<32 | uint64(r)
}

// remove takes r out and moves the words behind it up, so that no probe ever
// meets a gap in its run and none needs a tombstone.
func (x *index) remove(hash uint32, r ref) {
	want, i := uint64(hash)<<32|uint64(r), hash&x.mask
	for x.words[i] != want {
		i = (i + 1) & x.mask
	}
	for j := (i + 1) & x.mask; x.words[j] != 0; j = (j + 1) & x.mask {
		home := uint32(x.words[j]>>32) & x.mask
		if (j-home)&x.mask >= (j-i)&x.mask {
			x.words[i] = x.words[j]
			i = j
		}
	}
	x.words[i] = 0
}
