package ring

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func ring(t testing.TB, size int, start uint32) *SPSC {
	t.Helper()
	r, err := newAt(size, start)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNewRefuses(t *testing.T) {
	for _, size := range []int{-1, 0, 3, 12, 2 * maxSize} {
		if _, err := New(size); err == nil || !strings.Contains(err.Error(), "power of two") {
			t.Errorf("a ring of %d slots: %v", size, err)
		}
	}
	for _, size := range []int{1, 2, 1024, maxSize} {
		if r, err := New(size); err != nil || r.Size() != size {
			t.Errorf("a ring of %d slots: %v", size, err)
		}
	}
}

// queue is the ring as a slice, with the payload that it should carry.
type queue struct {
	published []uint32
	payload   []uint32 // the caller's array, by slot
	next      uint32   // value of the next element put in
	closed    bool
	sleeping  bool
}

func (q *queue) room() uint32 {
	if q.closed {
		return 0
	}
	return uint32(len(q.payload) - len(q.published))
}

// fill puts n elements in without publishing them, and notes them in the model.
func (q *queue) fill(r *SPSC, n uint32) {
	for i := range n {
		q.payload[r.Slot(i)] = q.next
		q.published = append(q.published, q.next)
		q.next++
	}
}

// TestRingAgainstAQueue drives both sides in one goroutine through the same
// random history. The indices start anywhere, mostly shortly before their end.
func TestRingAgainstAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := 1 << rapid.IntRange(0, 6).Draw(t, "size")
		start := rapid.OneOf(rapid.Uint32(), rapid.Uint32Range(math.MaxUint32-100, math.MaxUint32)).Draw(t, "start")
		r, err := newAt(size, start)
		if err != nil {
			t.Fatal(err)
		}
		q := &queue{payload: make([]uint32, size)}
		wants := rapid.Uint32Range(0, uint32(size)+1)
		t.Repeat(map[string]func(*rapid.T){
			"publish":     func(t *rapid.T) { publish(t, r, q, wants.Draw(t, "want")) },
			"release":     func(t *rapid.T) { release(t, r, q, wants.Draw(t, "want")) },
			"prepare":     func(t *rapid.T) { prepare(t, r, q) },
			"awake":       func(*rapid.T) { r.Awake(); q.sleeping = false },
			"rarely shut": func(t *rapid.T) { shut(t, r, q) },
			"": func(t *rapid.T) {
				if r.Closed() != q.closed || r.Done() != (q.closed && len(q.published) == 0) {
					t.Fatalf("closed %t, done %t with %d left", r.Closed(), r.Done(), len(q.published))
				}
			},
		})
	})
}

// checkCount holds what a cached count promises: never more than there is, and
// all that there is if less than want would be known.
func checkCount(t *rapid.T, what string, got, want, real uint32) {
	if got > real || got < min(want, real) {
		t.Fatalf("%s: %d of %d, asked for %d", what, got, real, want)
	}
}

func publish(t *rapid.T, r *SPSC, q *queue, want uint32) {
	room := r.Room(want)
	checkCount(t, "room", room, want, q.room())
	n := rapid.Uint32Range(0, room).Draw(t, "n")
	q.fill(r, n)
	r.Publish(n)
	wakes(t, r, q)
}

func wakes(t *rapid.T, r *SPSC, q *queue) {
	if got := r.NeedsWake(); got != q.sleeping {
		t.Fatalf("wake: %t, sleeping: %t", got, q.sleeping)
	}
	q.sleeping = false
}

func release(t *rapid.T, r *SPSC, q *queue, want uint32) {
	n := r.Len(want)
	checkCount(t, "length", n, want, uint32(len(q.published)))
	n = rapid.Uint32Range(0, n).Draw(t, "n")
	for i := range n {
		if got := q.payload[r.At(i)]; got != q.published[i] {
			t.Fatalf("element %d is %d, want %d", i, got, q.published[i])
		}
	}
	r.Release(n)
	q.published = q.published[n:]
}

func prepare(t *rapid.T, r *SPSC, q *queue) {
	q.sleeping = len(q.published) == 0 && !q.closed
	if got := r.PrepareSleep(); got != q.sleeping {
		t.Fatalf("may sleep: %t with %d left, closed %t", got, len(q.published), q.closed)
	}
}

// shut closes the ring in one of twenty cases, so that most histories are long.
func shut(t *rapid.T, r *SPSC, q *queue) {
	if rapid.IntRange(0, 19).Draw(t, "close") != 0 {
		return
	}
	r.Close()
	q.closed = true
	wakes(t, r, q)
}

func TestAFullRingHasNoRoom(t *testing.T) {
	r := ring(t, 4, math.MaxUint32-1)
	if n := r.Room(4); n != 4 {
		t.Fatalf("room for %d in an empty ring", n)
	}
	r.Publish(4)
	if n := r.Room(1); n != 0 {
		t.Errorf("room for %d in a full ring", n)
	}
	r.Len(1)
	r.Release(1)
	if n := r.Room(1); n != 1 {
		t.Errorf("room for %d after one was released", n)
	}
}

func TestNothingAllocates(t *testing.T) {
	r := ring(t, 64, 0)
	got := testing.AllocsPerRun(100, func() {
		for range 10 {
			r.Room(32)
			r.Publish(32)
			r.NeedsWake()
			r.Len(32)
			r.Release(32)
		}
		r.PrepareSleep()
		r.Awake()
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}
