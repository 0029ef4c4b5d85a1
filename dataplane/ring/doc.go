// Package ring hands slots of arrays from one worker to another, in order and
// without a lock.
//
//	producer                                     consumer
//	Room, fill Slot(0..n-1), Publish(n) ──────►  Len, use At(0..n-1), Release(n)
//	NeedsWake? then wake it              ◄─ ─ ─  PrepareSleep, block, Awake
//
// An SPSC holds no data. It hands out slot numbers, and the caller keeps as many
// arrays as it likes that are indexed by them: a slot belongs to the producer
// until it is published, then to the consumer until it is released.
//
// # Theory of operation
//
// There are two indices, tail (published so far) and head (released so far).
// Each has one writer, runs freely through all 32 bits and wraps around; a slot
// is its low bits. tail-head is what is in the ring, which tells full from empty
// without a spare slot. The ideas are those of FastForward (Giacomoni, PPoPP
// 2008), MCRingBuffer (Lee, 2010) and DPDK's rte_ring; the calls are those of
// AF_XDP's rings.
//
// What costs in such a ring is the cache line that goes from core to core. So
// each index has lines of its own, with the owner's cached copy of the other
// index beside it; the other index is read only when the copy says that there is
// too little; and an index is written once for a batch.
//
// # Waking a consumer
//
// A consumer that has nothing to do may block, in a ppoll say, where the ring
// does not reach it. Both sides then store first and load second:
//
//	consumer, PrepareSleep        producer
//	sleeping = true               tail = tail+n        (Publish)
//	tail changed? do not sleep    sleeping? wake it    (NeedsWake)
//
// Go's atomics are sequentially consistent: there is one order of these four,
// and whichever store comes second, the load after it sees the first store. So
// either the consumer sees the batch, or the producer sees the sleeper, or both,
// which costs one wakeup too many. Acquire and release alone would not do: each
// load could then pass the store before it, and both sides see nothing. Close
// takes the part of Publish in the same way. NeedsWake takes the flag back, so
// that a sleeper is woken once however many batches follow.
//
// The wakeup itself is the caller's, and must be remembered if it comes before
// the consumer blocks, as an eventfd does.
//
// # Closing
//
// Either side may close. The producer has no room from then on, and the consumer
// does not fall asleep; it uses what is left and is Done. If the consumer closes,
// a batch that the producer was about to publish may still come after that: who
// must have every slot back lets the producer close, or stops it first.
//
// # Concurrency
//
// Each method says whose it is. A side is one goroutine at a time; another one
// may take over if something orders the two. Publish and Release order the
// caller's arrays: what was written to a slot before Publish is seen after Len,
// and what was read from it before Release is not disturbed. Nothing blocks, and
// nothing allocates after New.
package ring
