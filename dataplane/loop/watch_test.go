package loop_test

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"ubridge/dataplane/loop"
)

// numbered is a broadcast that differs from others by its number.
func numbered(n int) []byte {
	f := make([]byte, 300)
	f[0] = 0xff
	binary.BigEndian.PutUint32(f[60:], uint32(n))
	return f
}

// A frame that circulates is a loop at its Returns-th return, and again at each
// further Returns, whatever else is flooded meanwhile.
func TestWhatComesBackIsALoop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		circulating := rapid.IntRange(1, 8).Draw(t, "circulating")
		noise := rapid.IntRange(0, 20).Draw(t, "other frames between two of them")
		var w loop.Watch
		now, fresh, found, rounds := rapid.Uint32().Draw(t, "second"), 1000, 0, 0
		for ; found < 3; rounds++ {
			if rounds > 3*loop.Returns+1 {
				t.Fatalf("%d loops after %d rounds", found, rounds)
			}
			for i := range circulating {
				if w.Strayed(numbered(i), now) {
					found++
				}
			}
			for range noise {
				fresh++
				if w.Strayed(numbered(fresh), now) {
					found++
				}
			}
		}
		if min := 3*loop.Returns/circulating + 1; rounds < min {
			t.Errorf("three loops after %d rounds, %d at the earliest", rounds, min)
		}
	})
}

// Frames that differ make no loop, however many stations they move, nor do those
// that repeat themselves more slowly than a loop would.
func TestWhatDoesNotComeBackIsNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w loop.Watch
		perSecond := rapid.IntRange(0, loop.Returns).Draw(t, "of the same a second")
		others := rapid.IntRange(0, 500).Draw(t, "others a second")
		for second := range uint32(4) {
			for range perSecond {
				if w.Strayed(numbered(-1), second) {
					t.Fatalf("%d of the same in a second are a loop", perSecond)
				}
			}
			for i := range others {
				if w.Strayed(numbered(int(second)*1000+i), second) {
					t.Fatal("frames that differ are a loop")
				}
			}
		}
	})
}

// Frames are told apart also where one is the beginning of the other.
func TestShortFrames(t *testing.T) {
	var w loop.Watch
	long := numbered(1)
	for n := 14; n <= 60; n++ {
		if w.Strayed(long[:n], 0); w.Back(0) != 0 {
			t.Fatalf("%d bytes are taken for less", n)
		}
	}
}

func TestBack(t *testing.T) {
	var w loop.Watch
	for range 3 {
		w.Strayed(numbered(1), 7)
	}
	for now, want := range map[uint32]int{7: 2, 8: 2, 9: 0, 6: 0} {
		if got := w.Back(now); got != want {
			t.Errorf("in second %d: %d, want %d", now, got, want)
		}
	}
}

func TestStrayedAllocatesNothing(t *testing.T) {
	var w loop.Watch
	f, n := numbered(1), uint32(0)
	if allocs := testing.AllocsPerRun(100, func() { n++; w.Strayed(f, n/8) }); allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}
