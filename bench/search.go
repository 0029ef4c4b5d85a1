package bench

import (
	"time"

	"ubridge/bench/traffic"
)

// search looks for the highest rate at a loss. Trials that were made for one
// threshold serve the others.
type search struct {
	try   func(rate float64) trial
	best  float64 // what the generator can do
	tried []trial
}

// trial is a rate and the loss at it, in percent.
type trial struct{ rate, loss float64 }

// unbounded is more than any generator can do.
const unbounded = 1e8

// newSearch begins with a trial as fast as the generator can.
func newSearch(try func(rate float64) trial) *search {
	s := &search{try: try}
	s.best = s.note(unbounded).rate
	return s
}

func (s *search) note(rate float64) trial {
	t := s.try(rate)
	s.tried = append(s.tried, t)
	return t
}

// highest is the highest rate whose loss, in percent, is at most this, by
// bisection between the trials made before; 0 where each of them lost more.
func (s *search) highest(percent float64) float64 {
	low, high := s.bounds(percent)
	for range trials {
		if high == 0 || high-low <= s.best/precision {
			break
		}
		middle := (low + high) / 2
		if t := s.note(middle); t.loss <= percent {
			low = min(max(t.rate, low), middle)
			// A generator that falls behind has no more to give.
			if t.rate < middle*0.97 {
				break
			}
		} else {
			high = middle
		}
	}
	return low
}

// bounds are the lowest rate that lost too much, and the highest below it that
// did not; high is 0 where none lost too much.
func (s *search) bounds(percent float64) (low, high float64) {
	for _, t := range s.tried {
		if t.loss > percent && (high == 0 || t.rate < high) {
			high = t.rate
		}
	}
	for _, t := range s.tried {
		if t.loss <= percent && t.rate > low && (high == 0 || t.rate < high) {
			low = t.rate
		}
	}
	return low, high
}

// try sends frames of one size at a rate and counts what comes. The rate noted
// is what the generator managed.
func (b *bed) try(size int) func(rate float64) trial {
	return func(rate float64) trial {
		checker := &traffic.Checker{Every: sampled}
		sink := b.sinkAt(b.b, traffic.NumberedAt, sampled, checker)
		sender := b.sender(size - fcs)
		before, offered, began := b.counters(b.b, "eth0").RxFrames, b.offered(), time.Now()
		_, err := sender.Send(b.ctx, rate, b.plan.trial())
		took := time.Since(began)
		b.check(err)
		b.sleep(settle)
		sink.Stop()
		b.judge(checker)
		f := flooded{offered: b.offered() - offered, delivered: b.counters(b.b, "eth0").RxFrames - before}
		return trial{float64(f.offered) / took.Seconds(), f.loss()}
	}
}
