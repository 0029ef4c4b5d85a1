package fdb

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ubridge/internal/wire"
)

// checkInvariant holds what the theory of operation builds on: no free entry
// between a station's home and its place, no station twice, counters true.
func checkInvariant(t interface{ Fatalf(string, ...any) }, tab *Table) {
	n, learned, macs := 0, make([]uint32, len(tab.learned)), map[wire.MAC]bool{}
	for at := range tab.entries {
		e := &tab.entries[at]
		if e.torn() {
			t.Fatalf("entry %d is left unfinished", at)
		}
		if e.free() {
			continue
		}
		for home := tab.home(e.station >> 16); home != uint(at); home = (home + 1) & tab.mask {
			if tab.entries[home].free() {
				t.Fatalf("%s at %d cannot be reached: %d is free", e.mac(), at, home)
			}
		}
		if macs[e.mac()] {
			t.Fatalf("%s is there twice", e.mac())
		}
		macs[e.mac()] = true
		if n++; !e.static() {
			learned[e.port()]++
		}
	}
	if n != tab.n || !slices.Equal(learned, tab.learned) {
		t.Fatalf("counted %d and %v, the table says %d and %v", n, learned, tab.n, tab.learned)
	}
}

// model is the table as a map, without a thought of speed.
type model struct {
	stations map[wire.MAC]known
	c        Config
}

type known struct {
	port   uint16
	seen   uint32
	static bool
}

func (m *model) portLen(port uint16) (n int) {
	for _, k := range m.stations {
		if k.port == port && !k.static {
			n++
		}
	}
	return n
}

func (m *model) aged(k known, now uint32) bool { return !k.static && now > k.seen+300 }

func (m *model) full(port uint16) bool {
	return int(port) >= m.c.MaxPorts || m.c.PortLimit > 0 && m.portLen(port) >= m.c.PortLimit
}

func (m *model) learn(mac wire.MAC, port uint16, now uint32) Verdict {
	k, found := m.stations[mac]
	v := Learned
	switch {
	case mac.IsGroup() || mac.IsZero():
		return RefusedSource
	case found && k.port == port:
		m.stations[mac] = known{port, now, k.static}
		return Refreshed
	case k.static:
		return Static
	case m.full(port):
		return PortLimit
	case !found && len(m.stations) >= len(m.c.Entries)/2:
		return TableFull
	case found:
		v = Moved
	}
	m.stations[mac] = known{port, now, false}
	return v
}

func (m *model) lookup(mac wire.MAC, now uint32) (uint16, bool) {
	k, ok := m.stations[mac]
	if !ok || m.aged(k, now) {
		return 0, false
	}
	return k.port, true
}

func (m *model) setStatic(mac wire.MAC, port uint16) bool {
	_, found := m.stations[mac]
	if mac.IsGroup() || mac.IsZero() || int(port) >= m.c.MaxPorts || !found && len(m.stations) >= len(m.c.Entries)/2 {
		return false
	}
	m.stations[mac] = known{port, 0, true}
	return true
}

func (m *model) drop(gone func(known) bool) (n int) {
	before := len(m.stations)
	maps.DeleteFunc(m.stations, func(_ wire.MAC, k known) bool { return gone(k) })
	return before - len(m.stations)
}

// TestTableAgainstAMap drives both through the same random history. The table
// is small and often full, so that runs of entries are long and wrap around.
func TestTableAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{
			Entries:   make([]Entry, 1<<rapid.IntRange(1, 6).Draw(t, "size")),
			Seed:      rapid.Uint64().Draw(t, "seed"),
			PortLimit: rapid.IntRange(0, 12).Draw(t, "limit"),
			MaxPorts:  rapid.IntRange(1, 5).Draw(t, "ports"),
		}
		tab, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		m := &model{stations: map[wire.MAC]known{}, c: c}
		now := uint32(1000)
		macs := rapid.Custom(func(t *rapid.T) wire.MAC {
			switch n := rapid.IntRange(-2, 50).Draw(t, "station"); n {
			case -2:
				return wire.Broadcast
			case -1:
				return wire.MAC{}
			default:
				return vm(n)
			}
		})
		ports := rapid.Uint16Range(0, 5)
		t.Repeat(map[string]func(*rapid.T){
			"learn": func(t *rapid.T) {
				mac, port := macs.Draw(t, "mac"), ports.Draw(t, "port")
				if got, want := tab.Learn(mac, port, now), m.learn(mac, port, now); got != want {
					t.Fatalf("learn %s on %d: %s, want %s", mac, port, got, want)
				}
			},
			"lookup": func(t *rapid.T) {
				mac := macs.Draw(t, "mac")
				port, ok := tab.Lookup(mac, now)
				if p, o := m.lookup(mac, now); p != port || o != ok {
					t.Fatalf("lookup %s: %d %t, want %d %t", mac, port, ok, p, o)
				}
			},
			"set static": func(t *rapid.T) {
				mac, port := macs.Draw(t, "mac"), ports.Draw(t, "port")
				if got, want := tab.SetStatic(mac, port), m.setStatic(mac, port); got != want {
					t.Fatalf("set %s to %d: %t, want %t", mac, port, got, want)
				}
			},
			"delete": func(t *rapid.T) {
				mac := macs.Draw(t, "mac")
				_, want := m.stations[mac]
				delete(m.stations, mac)
				if got := tab.Delete(mac); got != want {
					t.Fatalf("delete %s: %t, want %t", mac, got, want)
				}
			},
			"flush": func(t *rapid.T) {
				port := ports.Draw(t, "port")
				want := m.drop(func(k known) bool { return k.port == port && !k.static })
				if got := tab.FlushPort(port); got != want {
					t.Fatalf("flush %d: %d, want %d", port, got, want)
				}
			},
			"time": func(t *rapid.T) { now += rapid.Uint32Range(1, 200).Draw(t, "seconds") },
			"expire": func(t *rapid.T) {
				want := m.drop(func(k known) bool { return m.aged(k, now) })
				if got := tab.Expire(now, 2*len(c.Entries)); got != want {
					t.Fatalf("expire: %d, want %d", got, want)
				}
			},
			"restart": func(t *rapid.T) {
				c.Seed, c.Now = rapid.Uint64().Draw(t, "seed"), now
				if tab, err = New(c); err != nil {
					t.Fatal(err)
				}
				m.drop(func(k known) bool { return m.aged(k, now) })
				if r := tab.Restored(); r.Kept != len(m.stations) || r.Torn+r.Gone+r.Refused != 0 {
					t.Fatalf("resumed %+v of %d", r, len(m.stations))
				}
			},
			"": func(t *rapid.T) {
				checkInvariant(t, tab)
				if tab.Len() != len(m.stations) {
					t.Fatalf("%d stations, want %d", tab.Len(), len(m.stations))
				}
				for p := range uint16(6) {
					if tab.PortLen(p) != m.portLen(p) {
						t.Fatalf("port %d has %d, want %d", p, tab.PortLen(p), m.portLen(p))
					}
				}
			},
		})
	})
}

// TestRemovalClosesEveryGap takes single stations out of tables as full as they
// get, under many keys, so that runs of every shape, also around the table's
// end, are closed.
func TestRemovalClosesEveryGap(t *testing.T) {
	for seed := range uint64(3000) {
		tab := table(t, Config{Entries: make([]Entry, 16), Seed: seed})
		for i := range tab.Cap() {
			tab.Learn(vm(i), uint16(i%8), 0)
		}
		for n := tab.Cap(); n > 0; n-- {
			tab.Delete(vm((n - 1) * 5 % tab.Cap())) // 5 and 8 are coprime: not in the order of insertion
			checkInvariant(t, tab)
			if tab.Len() != n-1 {
				t.Fatalf("%d stations, want %d", tab.Len(), n-1)
			}
		}
	}
}
