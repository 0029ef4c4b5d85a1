package chart

import (
	"math"
	"strconv"
)

// places are where the columns of a line chart are, as shares of the plot's
// width: in proportion to the numbers that they are called, or to their
// logarithms. A column that is no number stands at the end, apart; without two
// numbers all are equally far from each other.
func (c *Chart) places() []float64 {
	n := len(c.Columns)
	numbers, values := 0, make([]float64, n)
	for i, name := range c.Columns {
		v, err := strconv.ParseFloat(name, 64)
		if err == nil && c.LogX {
			v = math.Log10(v)
		}
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) || i != numbers || i > 0 && v <= values[i-1] {
			continue // a number behind others than numbers is none
		}
		values[i], numbers = v, i+1
	}
	return spread(values, numbers)
}

// spread puts the first columns, which are numbers, in proportion, and the rest
// behind them.
func spread(values []float64, numbers int) []float64 {
	n := float64(len(values))
	at := make([]float64, len(values))
	for i := range at {
		at[i] = (float64(i) + 0.5) / n
	}
	if numbers < 2 {
		return at
	}
	first, last := at[0], at[numbers-1]
	for i := range numbers {
		at[i] = first + (last-first)*(values[i]-values[0])/(values[numbers-1]-values[0])
	}
	return at
}
