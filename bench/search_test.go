package bench

import (
	"math"
	"testing"
)

// device loses what is above its capacity, and is offered at most what the
// generator can do.
func device(capacity, generator float64, made *int) func(float64) trial {
	return func(rate float64) trial {
		*made++
		rate = min(rate, generator)
		return trial{rate, 100 * max(0, 1-capacity/rate)}
	}
}

func TestSearchFindsTheRate(t *testing.T) {
	const generator = 1e6
	for _, capacity := range []float64{10_000, 123_456, 500_000, 900_000} {
		made := 0
		s := newSearch(device(capacity, generator, &made))
		for _, percent := range losses {
			want := capacity / (1 - percent/100)
			if got := s.highest(percent); got > want+1 || want-got > generator/precision {
				t.Errorf("capacity %v at %v %%: %v, want %v", capacity, percent, got, want)
			}
		}
		if made > 3*trials {
			t.Errorf("capacity %v: %d trials", capacity, made)
		}
	}
}

// Where nothing is lost, one trial says so: the rate is the generator's.
func TestSearchBelowTheGenerator(t *testing.T) {
	made := 0
	s := newSearch(device(math.Inf(1), 1e6, &made))
	if got := s.highest(0); got != 1e6 || made != 1 {
		t.Errorf("%v after %d trials", got, made)
	}
}

// A device that always loses has no rate at no loss, and the search ends.
func TestSearchEnds(t *testing.T) {
	s := newSearch(func(rate float64) trial { return trial{min(rate, 1e6), 1} })
	if got := s.highest(0.5); got != 0 {
		t.Errorf("%v", got)
	}
}
