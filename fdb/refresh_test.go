package fdb

import (
	"testing"

	"ubridge/internal/wire"
)

// TestRefreshIsHeardElsewhere: a station that somebody else heard stays, and one that
// is not known there is left alone.
func TestRefreshIsHeardElsewhere(t *testing.T) {
	tab, err := New(Config{Entries: make([]Entry, 16), Seed: 7, MaxPorts: 4, Now: 100})
	if err != nil {
		t.Fatal(err)
	}
	mac := wire.MAC{2, 0, 0, 0, 0, 1}
	tab.Learn(mac, 1, 100)
	for _, c := range []struct {
		port      uint16
		seen, now uint32
		want      bool
		age       uint32
	}{
		{2, 150, 150, false, 50}, // on another port
		{1, 150, 160, true, 10},
		{1, 120, 160, true, 10}, // not made older
		{1, 150, 451, false, 0}, // silent for too long
	} {
		if got := tab.Refresh(mac, c.port, c.seen, c.now); got != c.want {
			t.Errorf("Refresh(port %d, seen %d, now %d) = %v", c.port, c.seen, c.now, got)
		}
		if _, age, ok := tab.Seen(mac, c.now); ok && age != c.age {
			t.Errorf("at %d the age is %d, want %d", c.now, age, c.age)
		}
	}
	if tab.Refresh(wire.MAC{2, 0, 0, 0, 0, 9}, 1, 150, 150) {
		t.Error("an unknown station was refreshed")
	}
}
