package fdb

import (
	"encoding/binary"
	"testing"

	"ubridge/internal/wire"
)

// FuzzLearn feeds frames of a hostile guest on one port, with a neighbour on
// another: the guest never has more than its share, and the table stays sound.
func FuzzLearn(f *testing.F) {
	f.Add([]byte("\x52\x54\x00\x00\x00\x01\x52\x54\x00\x00\x00\x02"), uint64(0))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x01"), uint64(1))
	f.Fuzz(func(t *testing.T, frames []byte, seed uint64) {
		tab := table(t, Config{Entries: make([]Entry, 32), Seed: seed, PortLimit: 5})
		tab.Learn(vm(1), 1, 0)
		for now := uint32(0); len(frames) >= 6; frames, now = frames[6:], now+1 {
			mac := wire.MAC(frames)
			v := tab.Learn(mac, 2, now)
			port, ok := tab.Lookup(mac, now)
			if remembered := v == Learned || v == Moved || v == Refreshed; remembered != (ok && port == 2) {
				t.Fatalf("%s: %s, then on port %d (%t)", mac, v, port, ok)
			}
			tab.Expire(now, 4)
		}
		if tab.PortLen(2) > 5 {
			t.Fatalf("%d stations on a port of 5", tab.PortLen(2))
		}
		checkInvariant(t, tab)
	})
}

// FuzzResume takes any bytes for a mapped file: New answers, and the table that
// it makes is sound.
func FuzzResume(f *testing.F) {
	f.Add(make([]byte, 8*16), uint32(0))
	f.Add([]byte("\x02\x00\x00\x00\x64\x00\x00\x00\x01\x00\x01\x00\x00\x00\x54\x52"), uint32(100))
	f.Fuzz(func(t *testing.T, file []byte, now uint32) {
		entries := make([]Entry, 16)
		for i := range entries {
			if len(file) < 17 {
				break
			}
			entries[i] = Entry{
				seq: binary.LittleEndian.Uint32(file), seen: binary.LittleEndian.Uint32(file[4:]),
				station: binary.LittleEndian.Uint64(file[8:]), flags: file[16],
			}
			file = file[17:]
		}
		tab := table(t, Config{Entries: entries, Now: now, PortLimit: 3})
		checkInvariant(t, tab)
		if tab.Len() != tab.Restored().Kept || tab.Len() > tab.Cap() {
			t.Fatalf("%d stations, %+v", tab.Len(), tab.Restored())
		}
	})
}
