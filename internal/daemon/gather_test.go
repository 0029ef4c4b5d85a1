package daemon

import (
	"testing"

	"ubridge/dataplane"
)

func TestWhenWorkersAreGathered(t *testing.T) {
	paced, full, idle := dataplane.Load{Share: 0.6, Paced: true}, dataplane.Load{Share: 0.97}, dataplane.Load{Share: 0.1}
	for _, c := range []struct {
		name     string
		gathered bool
		idle     float64
		loads    []dataplane.Load
		want     bool
	}{
		{"small batches, no room", false, 0.01, []dataplane.Load{paced, paced}, true},
		{"small batches, room", false, 0.5, []dataplane.Load{paced, paced}, false},
		{"full batches, no room", false, 0, []dataplane.Load{paced, full}, false},
		{"half of the time each, no room", false, 0, []dataplane.Load{{Share: 0.44}, {Share: 0.42}}, true},
		{"half of the time each, room", false, 0.3, []dataplane.Load{{Share: 0.44}, {Share: 0.42}}, false},
		{"more than one can do", false, 0, []dataplane.Load{{Share: 0.6}, {Share: 0.42}}, false},
		{"one works, no room", false, 0, []dataplane.Load{idle, full}, true},
		{"one works, room", false, 0.3, []dataplane.Load{idle, full}, false},
		{"none works, no room", false, 0, []dataplane.Load{idle, idle}, false},
		{"two of three work", false, 0, []dataplane.Load{idle, paced, paced}, true},
		{"gathered, at its limit, no room", true, 0.1, []dataplane.Load{full, idle}, true},
		{"gathered, at its limit, room", true, 0.4, []dataplane.Load{full, idle}, false},
		{"gathered, not at its limit", true, 0.4, []dataplane.Load{{Share: 0.5}, idle}, true},
	} {
		if got := wantGathered(c.gathered, c.idle, c.loads); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
