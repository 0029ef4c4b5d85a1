package gateway

import (
	"testing"

	"ubridge/internal/wire"
)

// A guest that scans fills the cache again and again; what another guest uses
// meanwhile stays.
func TestAScanDoesNotPushOutWhatIsInUse(t *testing.T) {
	h := newHops()
	used, unused := wire.IP4{1, 1, 1, 1}, wire.IP4{2, 2, 2, 2}
	h.put(used, entry{hop: Hop{State: HopReady}})
	h.put(unused, entry{hop: Hop{State: HopReady}})
	for i := range uint32(3 * maxHops) {
		h.put(wire.IP4FromUint32(10<<24+i), entry{})
		if i%1000 == 0 {
			if e, known := h.get(used); !known || e.hop.State != HopReady {
				t.Fatalf("forgotten after %d others", i)
			}
		}
		if n := len(h.recent) + len(h.older); n > maxHops {
			t.Fatalf("%d entries, want at most %d", n, maxHops)
		}
	}
	if _, known := h.get(unused); known {
		t.Error("what nobody uses is never forgotten")
	}
}
