package nat

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Packets of all lengths come and go; none is lost, moved or overwritten, and a
// packet is refused only where no run is long enough.
func TestStoreKeepsPackets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const chunks = 40
		s, kept, mark := newStore(chunks*chunkBytes), map[ref][]byte{}, byte(0)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				mark++
				b := bytes.Repeat([]byte{mark}, rapid.SampledFrom([]int{1, 1500, 1986, 1987, 9000, 65535}).Draw(t, "length"))
				longest, run := 0, 0
				for _, used := range s.used {
					if run++; used {
						run = 0
					}
					longest = max(longest, run)
				}
				r := s.put(b)
				if (r != none) != (longest >= chunksFor(len(b))) {
					t.Fatalf("put %d bytes: ref %d with %d chunks in a row", len(b), r, longest)
				}
				if r != none {
					kept[r] = b
				}
			},
			"free": func(t *rapid.T) {
				r := ref(rapid.Uint32Range(1, chunks).Draw(t, "ref"))
				if kept[r] != nil {
					s.free(r)
					delete(kept, r)
				}
			},
			"": func(t *rapid.T) {
				unused := chunks
				for r, b := range kept {
					unused -= chunksFor(len(b))
					if !bytes.Equal(s.room(r)[ReleasedOffset:][:len(b)], b) {
						t.Fatalf("packet %d is overwritten", r)
					}
				}
				if int(s.unused) != unused {
					t.Fatalf("%d chunks unused, want %d", s.unused, unused)
				}
			},
		})
	})
}
