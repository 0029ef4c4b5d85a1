package fdb

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/wire"
)

func TestResume(t *testing.T) {
	entries := make([]Entry, 64)
	old := table(t, Config{Entries: entries, Seed: 1})
	old.Learn(vm(1), 1, 1000)
	old.Learn(vm(2), 2, 1000)
	old.Learn(vm(3), 3, 1000)
	old.Learn(vm(4), 4, 100) // long silent
	old.SetStatic(vm(5), 1)
	old.Learn(vm(6), 7, 1000) // a number that the new process does not give

	tab := table(t, Config{Entries: entries, Seed: 2, MaxPorts: 5, Now: 1010, Remap: func(p uint16) (uint16, bool) {
		return p + 1, p != 3 // port 3 is no more, the others are numbered anew
	}})
	want := Restored{Kept: 3, Aged: 1, Gone: 2}
	if diff := cmp.Diff(want, tab.Restored()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, port := range []int{2, 3, -1, -1, 2, -1} {
		expect(t, tab, vm(i+1), 1010, port)
	}
	if tab.Len() != 3 || tab.PortLen(2) != 1 || tab.PortLen(3) != 1 {
		t.Errorf("%d stations, %d and %d on ports", tab.Len(), tab.PortLen(2), tab.PortLen(3))
	}
	if v := tab.Learn(vm(5), 0, 1010); v != Static {
		t.Errorf("a static entry is resumed as learned: %s", v)
	}
}

func TestResumeKeepsThePortLimit(t *testing.T) {
	entries := make([]Entry, 64)
	old := table(t, Config{Entries: entries})
	for i := range 10 {
		old.Learn(vm(i+1), 1, uint32(100+i))
	}
	tab := table(t, Config{Entries: entries, Now: 110, PortLimit: 3})
	if got := tab.Restored(); got.Kept != 3 || got.Refused != 7 || tab.PortLen(1) != 3 {
		t.Errorf("%+v, %d on the port", got, tab.PortLen(1))
	}
	for i := 8; i <= 10; i++ { // the youngest stay
		expect(t, tab, vm(i), 110, 1)
	}
}

func TestResumeBelievesNothing(t *testing.T) {
	entries := []Entry{
		{seq: 4, station: station(vm(1), 1), seen: 100}, // in no place of its own
		{seq: 6, station: station(vm(1), 2), seen: 105}, // twice: a kill within a removal
		{seq: 3, station: station(vm(2), 1), seen: 100}, // being written
		{seq: 1}, // being freed
		{station: station(wire.Broadcast, 1), seen: 100},         // no station
		{station: 7, seen: 100},                                  // the zero address on port 7
		{station: station(vm(3), 1), seen: 100, flags: 0x80},     // flags that do not exist
		{station: station(vm(4), 1), seen: 0x70000000},           // from the future
		{station: station(vm(5), 1), seen: 0xf0000000, since: 9}, // from far away
		{}, {}, {}, {}, {}, {}, {},
	}
	tab := table(t, Config{Entries: entries, Now: 110})
	want := Restored{Kept: 2, Torn: 6, Aged: 1}
	if diff := cmp.Diff(want, tab.Restored()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	expect(t, tab, vm(1), 110, 2)
	expect(t, tab, vm(2), 110, -1)
	expect(t, tab, vm(4), 410, 1)
	expect(t, tab, vm(4), 411, -1)
	checkInvariant(t, tab)
}

func TestAnEntryLeftOddBecomesWholeWhenWrittenAgain(t *testing.T) {
	for seq := range uint32(4) {
		e := Entry{seq: seq}
		e.write(Entry{station: station(vm(1), 1), seq: 99})
		if e.torn() || e.seq <= seq || e.mac() != vm(1) {
			t.Errorf("from sequence %d to %d", seq, e.seq)
		}
	}
	e := Entry{seq: ^uint32(0)}
	if e.write(Entry{}); e.torn() {
		t.Error("the last sequence word wraps to an odd one")
	}
}
