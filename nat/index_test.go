package nat

import (
	"testing"

	"pgregory.net/rapid"
)

// Few hashes for many refs make long runs that wrap round the end.
func TestIndexAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, want := newIndex(8), map[ref]uint32{}
		hash := rapid.SampledFrom([]uint32{0, 1, 14, 15, 31, 1 << 31, 1<<31 | 15})
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				r := ref(rapid.Uint32Range(1, 8).Draw(t, "ref"))
				if _, has := want[r]; has {
					t.Skip("is in")
				}
				want[r] = hash.Draw(t, "hash")
				x.insert(want[r], r)
			},
			"remove": func(t *rapid.T) {
				r := ref(rapid.Uint32Range(1, 8).Draw(t, "ref"))
				h, has := want[r]
				if !has {
					t.Skip("is not in")
				}
				x.remove(h, r)
				delete(want, r)
			},
			"": func(t *rapid.T) {
				found := 0
				for h := range map[uint32]bool{0: true, 1: true, 14: true, 15: true, 31: true, 1 << 31: true, 1<<31 | 15: true} {
					for r, at := x.probe(h, h); r != none; r, at = x.probe(h, at) {
						if want[r] != h {
							t.Fatalf("ref %d under hash %d, want %d", r, h, want[r])
						}
						found++
					}
				}
				if found != len(want) {
					t.Fatalf("%d refs found, want %d", found, len(want))
				}
			},
		})
	})
}
