package stat

import (
	"math"
	"slices"
)

// Missing stands for a round in which nothing was measured.
func Missing() float64 { return math.NaN() }

// Present returns the values that were measured, sorted.
func Present(rounds []float64) []float64 {
	v := slices.DeleteFunc(slices.Clone(rounds), math.IsNaN)
	slices.Sort(v)
	return v
}

// Quantile is the quantile q (0 to 1) of the values measured, with linear
// interpolation between neighbours; NaN where there are none.
func Quantile(rounds []float64, q float64) float64 {
	v := Present(rounds)
	if len(v) == 0 {
		return math.NaN()
	}
	at := min(max(q, 0), 1) * float64(len(v)-1)
	low := int(at)
	high := min(low+1, len(v)-1)
	return v[low] + (at-float64(low))*(v[high]-v[low])
}

// Median is the quantile 0.5.
func Median(rounds []float64) float64 { return Quantile(rounds, 0.5) }

// Quartiles are the quantiles 0.25 and 0.75: half of the rounds lie between.
func Quartiles(rounds []float64) (low, high float64) {
	return Quantile(rounds, 0.25), Quantile(rounds, 0.75)
}

// Ratios divides round by round; NaN where one of the two was not measured or
// the reference is nothing.
func Ratios(rounds, reference []float64) []float64 {
	ratios := make([]float64, 0, len(rounds))
	for i, v := range rounds {
		r := math.NaN()
		if i < len(reference) && reference[i] != 0 {
			r = v / reference[i]
		}
		ratios = append(ratios, r)
	}
	return ratios
}

// Noise is how far the reference, measured as if it were another peer, is from
// itself: the largest distance of a round's ratio from one.
func Noise(again, reference []float64) float64 {
	worst := math.NaN()
	for _, r := range Present(Ratios(again, reference)) {
		worst = max(math.Abs(r-1), cleared(worst))
	}
	return worst
}

// cleared is v, or 0 where it is not a number.
func cleared(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}
