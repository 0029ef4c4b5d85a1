package fdb

import (
	"testing"
	"time"

	"ubridge/internal/wire"
)

func TestAgeingChangesForKnownStations(t *testing.T) {
	tab, err := New(Config{Entries: make([]Entry, 16), MaxPorts: 4})
	if err != nil {
		t.Fatal(err)
	}
	m := wire.MAC{2, 0, 0, 0, 0, 1}
	tab.Learn(m, 1, 100)
	gen := tab.Gen()
	if err := tab.SetAgeing(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if tab.Gen() == gen || tab.Gen()%2 != 0 {
		t.Errorf("generation %d after %d: what was remembered of lookups would go on", tab.Gen(), gen)
	}
	if _, ok := tab.Lookup(m, 105); !ok {
		t.Error("gone after 5 s of 10")
	}
	if _, ok := tab.Lookup(m, 111); ok {
		t.Error("still there after 11 s of 10")
	}
	for _, bad := range []time.Duration{0, time.Millisecond, 1500 * time.Millisecond, maxAgeing + time.Second} {
		if tab.SetAgeing(bad) == nil {
			t.Errorf("ageing of %v is taken", bad)
		}
	}
}

func TestPortLimitChanges(t *testing.T) {
	tab, err := New(Config{Entries: make([]Entry, 64), MaxPorts: 4, PortLimit: 1})
	if err != nil {
		t.Fatal(err)
	}
	learn := func(n byte) Verdict { return tab.Learn(wire.MAC{2, 0, 0, 0, 0, n}, 1, 1) }
	learn(1)
	if v := learn(2); v != PortLimit {
		t.Fatalf("second station: %v", v)
	}
	tab.SetPortLimit(2)
	if v := learn(2); v != Learned {
		t.Errorf("second station with room for two: %v", v)
	}
	tab.SetPortLimit(1)
	if _, ok := tab.Lookup(wire.MAC{2, 0, 0, 0, 0, 2}, 1); !ok || learn(3) != PortLimit {
		t.Error("a lower limit must keep those that are there and take no more")
	}
	tab.SetPortLimit(0)
	if v := learn(3); v != Learned {
		t.Errorf("without a limit: %v", v)
	}
}
