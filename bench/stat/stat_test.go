package stat_test

import (
	"math"
	"testing"

	"ubridge/bench/stat"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 || math.IsNaN(a) && math.IsNaN(b) }

func TestQuantiles(t *testing.T) {
	nan := stat.Missing()
	for _, c := range []struct {
		rounds []float64
		q      float64
		want   float64
	}{
		{[]float64{5, 1, 4, 2, 3}, 0, 1},
		{[]float64{5, 1, 4, 2, 3}, 0.25, 2},
		{[]float64{5, 1, 4, 2, 3}, 0.5, 3},
		{[]float64{5, 1, 4, 2, 3}, 1, 5},
		{[]float64{1, 2}, 0.5, 1.5},
		{[]float64{1, nan, 3}, 0.5, 2},
		{[]float64{7}, 0.75, 7},
		{nil, 0.5, nan},
		{[]float64{nan}, 0.5, nan},
		{[]float64{1, 2}, 7, 2},
	} {
		if got := stat.Quantile(c.rounds, c.q); !near(got, c.want) {
			t.Errorf("quantile %v of %v: %v, want %v", c.q, c.rounds, got, c.want)
		}
	}
}

// The ratio is the median of the ratios within rounds, not the ratio of the
// medians: a slow round hurts both peers alike.
func TestRatiosAreWithinRounds(t *testing.T) {
	reference := []float64{10, 2, 12}
	ours := []float64{5, 1, 6}
	if got := stat.Median(stat.Ratios(ours, reference)); !near(got, 0.5) {
		t.Errorf("ratio %v, want 0.5", got)
	}
	ratios := stat.Ratios([]float64{4, stat.Missing(), 9, 1}, []float64{2, 1, 0})
	if !near(ratios[0], 2) || !math.IsNaN(ratios[1]) || !math.IsNaN(ratios[2]) || !math.IsNaN(ratios[3]) {
		t.Errorf("ratios %v, want 2 and nothing", ratios)
	}
}

func TestQuartilesEncloseTheMedian(t *testing.T) {
	rounds := []float64{9, 2, 4, 8, 6}
	low, high := stat.Quartiles(rounds)
	if m := stat.Median(rounds); low != 4 || m != 6 || high != 8 {
		t.Errorf("%v ≤ %v ≤ %v", low, m, high)
	}
}

func TestNoise(t *testing.T) {
	if got := stat.Noise([]float64{10, 9, 11}, []float64{10, 10, 10}); !near(got, 0.1) {
		t.Errorf("noise %v, want 0.1", got)
	}
	if got := stat.Noise(nil, nil); !math.IsNaN(got) {
		t.Errorf("noise of nothing: %v", got)
	}
}
