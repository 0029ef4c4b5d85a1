package ring

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// cell is a payload in plain memory: the race detector sees each access that
// Publish and Release do not order.
type cell struct{ n, double uint64 }

// bed is a producer and a consumer on goroutines of their own, and what they
// share.
type bed struct {
	*SPSC
	cells []cell
	wake  chan struct{} // like an eventfd: a wakeup that comes early is remembered
	total uint64
	batch uint32
	slow  bool // the consumer dawdles, so that the ring is full most of the time
}

func newBed(t *testing.T, size int, batch uint32) *bed {
	return &bed{
		SPSC:  ring(t, size, math.MaxUint32-5000),
		cells: make([]cell, size), wake: make(chan struct{}, 1),
		total: 200_000, batch: batch,
	}
}

func (b *bed) wakeup() {
	if !b.NeedsWake() {
		return
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// put fills and publishes a batch of at most max cells, counting from n.
func (b *bed) put(n uint64, max uint32) uint32 {
	got := min(b.Room(max), max)
	for i := range got {
		b.cells[b.Slot(i)] = cell{n + uint64(i), 2 * (n + uint64(i))}
	}
	b.Publish(got)
	return got
}

// take checks and releases a batch, of which the first cell should be n.
func (b *bed) take(t *testing.T, n uint64) uint32 {
	got := min(b.Len(1), b.batch)
	for i := range got {
		want := n + uint64(i)
		if c := b.cells[b.At(i)]; c != (cell{want, 2 * want}) {
			t.Fatalf("element %d is %+v", want, c)
		}
	}
	b.Release(got)
	return got
}

// produce puts total cells in and closes, or ends early if the consumer closes.
// It reports how many it put in.
func (b *bed) produce(done chan<- uint64) {
	r := rand.New(rand.NewPCG(1, 2))
	n := uint64(0)
	for n < b.total && !b.Closed() {
		got := b.put(n, uint32(min(uint64(1+r.Uint32N(b.batch)), b.total-n)))
		b.wakeup()
		if n += uint64(got); got == 0 {
			runtime.Gosched()
		}
	}
	b.Close()
	b.wakeup()
	done <- n
}

// consume takes cells until the ring is done, and idles by calling idle.
func (b *bed) consume(t *testing.T, idle func()) (n uint64) {
	for !b.Done() {
		got := b.take(t, n)
		if n += uint64(got); got == 0 {
			idle()
		}
		if b.slow && n%64 == 0 {
			runtime.Gosched()
		}
	}
	return n
}

func (b *bed) run(t *testing.T, idle func()) {
	done := make(chan uint64, 1)
	go b.produce(done)
	if got, put := b.consume(t, idle), <-done; got != put || put != b.total {
		t.Errorf("%d put in, %d came out, want %d", put, got, b.total)
	}
}

// TestEverythingArrivesInOrder has nothing but the ring between the two
// goroutines: no channel orders their accesses to the cells.
func TestEverythingArrivesInOrder(t *testing.T) {
	for name, b := range map[string]*bed{
		"one slot":    newBed(t, 1, 1),
		"single":      newBed(t, 64, 1),
		"batches":     newBed(t, 256, 32),
		"large batch": newBed(t, 8, 32),
	} {
		t.Run(name, func(t *testing.T) { b.run(t, runtime.Gosched) })
	}
	t.Run("slow consumer", func(t *testing.T) {
		b := newBed(t, 16, 32)
		b.slow = true
		b.run(t, runtime.Gosched)
	})
}

// TestNoWakeupIsLost blocks the consumer whenever the ring is empty. The producer
// publishes one cell and waits until it was used: no later one makes up for a
// wakeup that is lost.
func TestNoWakeupIsLost(t *testing.T) {
	b := newBed(t, 4, 1)
	go func() {
		for n := range b.total {
			b.put(n, 1)
			b.wakeup()
			for b.Room(4) < 4 && !b.Closed() {
				runtime.Gosched()
			}
		}
		b.Close()
		b.wakeup()
	}()
	sleeps := 0
	n := b.consume(t, func() { sleeps += b.sleep(t) })
	if n != b.total || sleeps == 0 {
		t.Errorf("%d of %d came, the consumer slept %d times", n, b.total, sleeps)
	}
}

// sleep blocks the consumer until it is woken, and counts it.
func (b *bed) sleep(t *testing.T) int {
	if !b.PrepareSleep() {
		return 0
	}
	select {
	case <-b.wake:
	case <-time.After(20 * time.Second):
		b.Close() // lets the producer end
		t.Fatal("the consumer sleeps, and nobody wakes it")
	}
	b.Awake()
	return 1
}

// TestAConsumerThatClosesStopsTheProducer also in the midst of a full ring.
func TestAConsumerThatClosesStopsTheProducer(t *testing.T) {
	for stop := range uint64(50) {
		b := newBed(t, 16, 4)
		b.total = math.MaxUint64
		done := make(chan uint64, 1)
		go b.produce(done)
		n := uint64(0)
		for n < stop*10 {
			n += uint64(b.take(t, n))
		}
		b.Close()
		put := <-done
		for !b.Done() { // what is left is whole and in order
			n += uint64(b.take(t, n))
		}
		if n != put {
			t.Fatalf("%d put in, %d came out", put, n)
		}
	}
}
