package chart

import (
	"math"
	"strconv"
)

// axis maps figures to heights.
type axis struct {
	low, high float64 // figures at the ends
	log       bool
	ticks     []float64
}

// newAxis spans the chart's figures.
func (c *Chart) newAxis() axis {
	low, high := math.Inf(1), 0.0
	for _, s := range c.Series {
		for _, p := range s.Points {
			if p.Empty {
				continue
			}
			high = max(high, p.Median, p.Q3)
			if p.Median > 0 {
				low = min(low, p.Median)
			}
		}
	}
	if c.Log && high > 0 {
		return logAxis(low, high)
	}
	return linearAxis(high)
}

// linearAxis runs from 0 to a round number above high in about five steps.
func linearAxis(high float64) axis {
	if !(high > 0) || math.IsInf(high, 0) {
		high = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(high/5)))
	for _, m := range []float64{1, 2, 5, 10} {
		if high/(m*step) <= 6 {
			step *= m
			break
		}
	}
	a := axis{high: math.Ceil(high/step*1.02) * step} // some room above the highest
	for i := 0; float64(i)*step <= a.high*1.0001; i++ {
		a.ticks = append(a.ticks, float64(i)*step)
	}
	return a
}

// logAxis runs over whole decades.
func logAxis(low, high float64) axis {
	first, last := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	if first == last {
		last++
	}
	a := axis{low: math.Pow(10, first), high: math.Pow(10, last), log: true}
	for e := first; e <= last; e++ {
		a.ticks = append(a.ticks, math.Pow(10, e))
	}
	return a
}

// share is how far up a figure is, 0 to 1.
func (a axis) share(v float64) float64 {
	if a.log {
		v = math.Log10(max(v, a.low)/a.low) / math.Log10(a.high/a.low)
	} else {
		v = (v - a.low) / (a.high - a.low)
	}
	return min(max(v, 0), 1)
}

// label writes a figure of the axis without more digits than it needs.
func label(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// trim rounds what adding steps has left behind the point.
func trim(v float64) string {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	return label(f)
}
