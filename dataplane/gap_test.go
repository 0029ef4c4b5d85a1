package dataplane

import (
	"context"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"

	"ubridge/internal/wire"
)

// BenchmarkGapDuringCollections is the longest time between two batches of a busy
// worker while another goroutine makes garbage and the collector runs, in µs. What
// the scheduler and other processes do to the thread is in it, and on two CPUs may be
// most of it.
func BenchmarkGapDuringCollections(b *testing.B) {
	w, in, _ := loops(b)
	in.add(wire.MAC{2, 0, 0, 0, 0, 9}, vm(1))
	ctx, cancel := context.WithCancel(b.Context())
	collections := garbage(ctx)
	var longest time.Duration
	last, before := time.Now(), collections.Load()
	runtime.LockOSThread()
	for b.Loop() {
		w.process(w.ports[1], w.clock.Now())
		now, after := time.Now(), collections.Load()
		if gap := now.Sub(last); after != before && gap > longest {
			longest = gap
		}
		last, before = now, after
	}
	cancel()
	b.ReportMetric(float64(longest.Microseconds()), "µs-gap")
}

// garbage allocates as a daemon does that answers control calls without pause, and
// counts collections.
func garbage(ctx context.Context) *atomic.Uint64 {
	var count atomic.Uint64
	keep := make([][]byte, 4096)
	go func() {
		cycles := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}} // reading it stops nobody
		for i := 0; ctx.Err() == nil; i++ {
			keep[i%len(keep)] = make([]byte, 2048)
			if i%64 == 0 {
				metrics.Read(cycles)
				count.Store(cycles[0].Value.Uint64())
			}
		}
	}()
	return &count
}
