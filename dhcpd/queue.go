package dhcpd

import (
	"container/heap"
	"net/netip"
	"time"
)

// timed is an address that something happens to at a moment.
type timed struct {
	addr   netip.Addr
	due    time.Time // zero: never
	queued bool
	place  int // in the queue's heap, while queued
}

// queue orders addresses by when they are due, soonest first.
type queue struct{ heap timedHeap }

// add queues t, which must not be queued; one that is never due stays out.
func (q *queue) add(t *timed) {
	if !t.due.IsZero() {
		heap.Push(&q.heap, t)
	}
}

// remove takes t out, if it is in.
func (q *queue) remove(t *timed) {
	if t.queued {
		heap.Remove(&q.heap, t.place)
	}
}

// first returns the soonest, or nil.
func (q *queue) first() *timed {
	if len(q.heap) == 0 {
		return nil
	}
	return q.heap[0]
}

// firstDue returns the soonest if its moment has come, or nil.
func (q *queue) firstDue(now time.Time) *timed {
	if t := q.first(); t != nil && !now.Before(t.due) {
		return t
	}
	return nil
}

// timedHeap implements heap.Interface. Equal moments are ordered by address,
// so that the engine is deterministic.
type timedHeap []*timed

func (h timedHeap) Len() int { return len(h) }

func (h timedHeap) Less(i, j int) bool {
	if c := h[i].due.Compare(h[j].due); c != 0 {
		return c < 0
	}
	return h[i].addr.Less(h[j].addr)
}

func (h timedHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *timedHeap) Push(x any) {
	t := x.(*timed)
	t.queued, t.place = true, len(*h)
	*h = append(*h, t)
}

func (h *timedHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.queued = false
	return t
}
