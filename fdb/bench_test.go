package fdb

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"ubridge/internal/wire"
)

func TestTheWorkersPathDoesNotAllocate(t *testing.T) {
	tab := table(t, Config{Entries: make([]Entry, 1024), PortLimit: 200})
	now := uint32(0)
	got := testing.AllocsPerRun(100, func() {
		now += 20
		for i := range 400 {
			tab.Learn(vm(i+int(now)), uint16(i%4), now) // new, known, moved, too many
			tab.Lookup(vm(i), now)
		}
		tab.Expire(now, 512)
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// stations fills a table that holds n of them at its load limit of a half.
func stations(b *testing.B, n int) (*Table, []wire.MAC) {
	tab := table(b, Config{Entries: make([]Entry, 2*n), Seed: 0x5eed})
	macs := make([]wire.MAC, n)
	for i := range macs {
		macs[i] = vm(i * 7919)
		if v := tab.Learn(macs[i], uint16(i%8), 0); v != Learned {
			b.Fatal(v)
		}
	}
	return tab, macs
}

func BenchmarkTable(b *testing.B) {
	for _, n := range []int{16, 1024, 65536} {
		tab, macs := stations(b, n)
		b.Run(fmt.Sprintf("lookup/%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				tab.Lookup(macs[i*40503&(n-1)], 0)
			}
		})
		b.Run(fmt.Sprintf("miss/%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				tab.Lookup(vm(1<<23+i), 0)
			}
		})
		b.Run(fmt.Sprintf("refresh/%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				at := i * 40503 & (n - 1)
				tab.Learn(macs[at], uint16(at%8), uint32(i>>20))
			}
		})
		b.Run(fmt.Sprintf("forget and learn/%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				at := i * 40503 & (n - 1)
				tab.Delete(macs[at])
				tab.Learn(macs[at], uint16(at%8), 0)
			}
		})
	}
}

// BenchmarkManyStations is a data centre's worth of stations in random order:
// what it costs is the memory's latency, one cache line a probe.
func BenchmarkManyStations(b *testing.B) {
	const n = 100_000
	tab := table(b, Config{Entries: make([]Entry, 1<<18), Seed: 0x5eed})
	r := rand.New(rand.NewPCG(1, 2))
	macs := make([]wire.MAC, n)
	for i := range macs {
		macs[i] = wire.MACFromUint64(0x020000<<24 | r.Uint64()&(1<<40-1))
		if v := tab.Learn(macs[i], uint16(i%8), 0); v != Learned {
			b.Fatal(v)
		}
	}
	order := make([]uint32, 1<<20)
	for i := range order {
		order[i] = r.Uint32N(n)
	}
	b.Run("lookup", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			tab.Lookup(macs[order[i&(1<<20-1)]], 0)
		}
	})
	b.Run("known", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			at := order[i&(1<<20-1)]
			tab.Learn(macs[at], uint16(at%8), 0)
		}
	})
	b.Run("refresh", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			at := order[i&(1<<20-1)]
			tab.Learn(macs[at], uint16(at%8), uint32(i))
		}
	})
	b.Run("forget and learn", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			at := order[i&(1<<20-1)]
			tab.Delete(macs[at])
			tab.Learn(macs[at], uint16(at%8), 0)
		}
	})
}
