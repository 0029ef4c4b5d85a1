package dataplane

import (
	"time"

	"golang.org/x/sys/unix"
)

// A worker that was at work for more than highLoad of the time since the last
// tick becomes a realtime thread; below lowLoad it becomes an ordinary one again.
const highLoad, lowLoad = 0.35, 0.2

// A loaded worker whose batches hold fewer than smallBatch frames is woken for each
// of them by a sender on its own CPU, whom it then interrupts. As a realtime thread
// it would stay there for ever. So it is an ordinary one for aside, in which the
// kernel finds it another CPU.
const (
	smallBatch = 3
	aside      = time.Second
)

// A worker that gets more than pacedRate frames a second in batches of fewer than
// pacedBatch is paced until there are fewer frames: having served all ports it sleeps
// for pace without looking, so that senders need not wake it and the next batch is
// larger, as NICs moderate their interrupts (docs/decisions/0009).
const (
	pacedRate  = 100_000 // a second; what asks and answers one frame at a time has less
	pacedBatch = 16      // frames
	pace       = 50 * time.Microsecond
)

// load is how busy a worker is, and what follows from it.
//
// A loaded worker competes for its CPU with those who send to it. As an ordinary
// thread it gets its fair share, is away for milliseconds between two slices, and
// its rings, which hold less than one, run over: the more is sent, the less is
// forwarded. The kernel's bridge has no such problem, as it forwards on the
// sender's own time. So a loaded worker takes precedence (SCHED_RR, the lowest
// priority), as the kernel's softirqs do. It then does not spin, which would keep
// a sender on the same CPU from sending.
type load struct {
	allowed bool // may become a realtime thread
	high    bool
	idle    Time // time without work since the last tick
	last    Time // begin of the last round
	resting bool // the last round found no work
	judged  Time // when share was last asked
	barred  Time // until then it stays ordinary
	paced   bool

	batches, frames uint64 // received since the last tick
}

// received counts a batch.
func (l *load) received(n int) {
	l.batches++
	l.frames += uint64(n)
}

// batch judges the batches since the last call: whether they were too small for a
// realtime thread, and so many that the worker is to be paced.
func (l *load) batch(now Time) (small bool) {
	small = l.frames < smallBatch*l.batches
	many := float64(l.frames) > pacedRate*time.Duration(now-l.judged).Seconds()
	l.paced = many && (l.frames < pacedBatch*l.batches || l.paced)
	l.batches, l.frames = 0, 0
	return small && !l.paced
}

// begin notes that a round begins: the last one may have been spent waiting.
func (l *load) begin(now Time) {
	if l.resting {
		l.idle += now - l.last
	}
	l.last = now
}

// end notes whether the round found work.
func (l *load) end(busy bool) { l.resting = !busy }

// restart forgets what was before now.
func (l *load) restart(now Time) { l.judged, l.idle, l.batches, l.frames = now, 0, 0, 0 }

// share is how much of the time since the last call was work, 0 to 1.
func (l *load) share(now Time) float64 {
	all := now - l.judged
	work := all - l.idle
	l.judged, l.idle = now, 0
	if all <= 0 {
		return 0
	}
	return float64(work) / float64(all)
}

// judge decides whether the worker is loaded and gives its thread the precedence
// that belongs to it. It runs on the worker's thread. share is how much of the time was
// work.
func (l *load) judge(now Time) (share float64) {
	small, s := l.batch(now), l.share(now)
	high := s > highLoad || l.high && s > lowLoad
	if small && high {
		l.barred = now.Add(aside)
	}
	if high = high && now >= l.barred; l.allowed && high != l.high {
		l.high = precede(high)
	}
	return s
}

// precede makes the calling thread a realtime one, or an ordinary one, and
// reports which it is now: where that is not permitted (no CAP_SYS_NICE) it stays
// ordinary. Threads that it makes do not inherit it.
func precede(realtime bool) bool {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if realtime {
		attr.Policy, attr.Priority = unix.SCHED_RR, 1
	}
	return unix.SchedSetAttr(0, &attr, 0) == nil && realtime
}
