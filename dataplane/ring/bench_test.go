package ring

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkTransfer moves elements of eight bytes between two goroutines; the
// time is of one element.
func BenchmarkTransfer(b *testing.B) {
	for _, batch := range []uint32{1, 8, 32} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) { transfer(b, batch) })
	}
}

func transfer(b *testing.B, batch uint32) {
	const size = 1024
	r := ring(b, size, 0)
	data := make([]uint64, size)
	total := (b.N + int(batch) - 1) / int(batch) * int(batch)
	b.ResetTimer()
	go func() {
		for n := 0; n < total; n += int(batch) {
			for r.Room(batch) < batch {
				runtime.Gosched()
			}
			for i := range batch {
				data[r.Slot(i)] = uint64(n) + uint64(i)
			}
			r.Publish(batch)
			r.NeedsWake()
		}
	}()
	sum := uint64(0)
	for n := 0; n < total; {
		got := min(r.Len(1), batch)
		for i := range got {
			sum += data[r.At(i)]
		}
		r.Release(got)
		if n += int(got); got == 0 {
			runtime.Gosched()
		}
	}
	if want := uint64(total) * uint64(total-1) / 2; sum != want {
		b.Fatalf("sum %d, want %d", sum, want)
	}
}

// BenchmarkOneCore is both sides in turn on one core: what the calls themselves
// cost.
func BenchmarkOneCore(b *testing.B) {
	for _, batch := range []uint32{1, 8, 32} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) { alone(b, batch) })
	}
}

func alone(b *testing.B, batch uint32) {
	r := ring(b, 1024, 0)
	data := make([]uint64, r.Size())
	sum := uint64(0)
	for n := 0; n < b.N; n += int(batch) {
		r.Room(batch)
		for i := range batch {
			data[r.Slot(i)] = uint64(i)
		}
		r.Publish(batch)
		r.NeedsWake()
		for i := range r.Len(batch) {
			sum += data[r.At(i)]
		}
		r.Release(batch)
	}
	runtime.KeepAlive(sum)
}
