package fdb

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"ubridge/internal/wire"
)

// kept is a result that a worker keeps, with the generation read before it.
type kept struct {
	gen  uint32
	mac  wire.MAC
	port uint16
}

// TestKeptResultsStayTrue as long as their generation: Lookup finds the port
// that it found, and Learn on it says refreshed.
func TestKeptResultsStayTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, err := New(Config{Entries: make([]Entry, 32), Seed: 1, MaxPorts: 4, PortLimit: 7})
		if err != nil {
			t.Fatal(err)
		}
		var all []kept
		now := uint32(1000)
		macs, ports := rapid.IntRange(0, 25), rapid.Uint16Range(0, 3)
		t.Repeat(map[string]func(*rapid.T){
			"lookup": func(t *rapid.T) {
				gen, mac := tab.Gen(), vm(macs.Draw(t, "mac"))
				if port, ok := tab.Lookup(mac, now); ok {
					all = append(all, kept{gen, mac, port})
				}
			},
			"learn": func(t *rapid.T) {
				gen, mac, port := tab.Gen(), vm(macs.Draw(t, "mac")), ports.Draw(t, "port")
				v := tab.Learn(mac, port, now)
				if v <= Moved {
					all = append(all, kept{gen, mac, port})
				}
				if changed := tab.Gen() != gen; changed != (v == Moved) {
					t.Fatalf("%s, and the generation changed: %t", v, changed)
				}
			},
			"set static": func(t *rapid.T) { tab.SetStatic(vm(macs.Draw(t, "mac")), ports.Draw(t, "port")) },
			"delete":     func(t *rapid.T) { tab.Delete(vm(macs.Draw(t, "mac"))) },
			"flush":      func(t *rapid.T) { tab.FlushPort(ports.Draw(t, "port")) },
			"age":        func(*rapid.T) { now += 301; tab.Expire(now, 64) },
			"": func(t *rapid.T) {
				all = stillTrue(t, tab, all, now)
			},
		})
	})
}

// stillTrue checks what is kept and drops what the generation has passed.
func stillTrue(t *rapid.T, tab *Table, all []kept, now uint32) (left []kept) {
	for _, k := range all {
		if k.gen != tab.Gen() {
			continue
		}
		if port, ok := tab.Lookup(k.mac, now); !ok || port != k.port {
			t.Fatalf("%s was kept on port %d, but is on %d (%t)", k.mac, k.port, port, ok)
		}
		left = append(left, k)
	}
	return left
}

// TestNobodyKeepsAPortThatAStationHasLeft moves a station as fast as can be
// while others keep where they found it: once a move is done, none of them
// believes in the port before it.
func TestNobodyKeepsAPortThatAStationHasLeft(t *testing.T) {
	tab := table(t, Config{})
	tab.Learn(vm(1), 0, 0)
	var begun, done atomic.Uint32 // moves; the k-th is to port k%2
	var checked atomic.Uint64
	stop := atomic.Bool{}
	readers := together(2, func(*rand.Rand) {
		for !stop.Load() {
			gen := tab.Gen()
			port, ok := tab.Lookup(vm(1), 0)
			k := done.Load()
			if valid := tab.Gen() == gen; !ok || !valid || begun.Load() != k {
				continue // not kept, or between two ports
			}
			checked.Add(1)
			if uint32(port) != k%2 {
				t.Errorf("kept on port %d after move %d", port, k)
			}
		}
	})
	for k := uint32(1); k <= 200_000; k++ {
		begun.Store(k)
		tab.Learn(vm(1), uint16(k%2), 0)
		done.Store(k)
	}
	stop.Store(true)
	readers.Wait()
	t.Logf("%d kept results checked", checked.Load())
}
