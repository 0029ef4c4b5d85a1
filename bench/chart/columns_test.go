package chart

import (
	"math"
	"slices"
	"testing"
)

// Columns that are numbers stand in proportion, others behind them.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		columns []string
		log     bool
		want    []float64
	}{
		{[]string{"100", "200", "400"}, false, []float64{1. / 6, 1./6 + 2./9, 5. / 6}},
		{[]string{"1", "10", "100"}, true, []float64{1. / 6, 0.5, 5. / 6}},
		{[]string{"64", "128", "IMIX"}, true, []float64{1. / 6, 0.5, 5. / 6}},
		{[]string{"a", "2", "3"}, false, []float64{1. / 6, 0.5, 5. / 6}},
		{[]string{"0", "5"}, true, []float64{0.25, 0.75}},
		{nil, false, nil},
	} {
		got := (&Chart{Columns: c.columns, LogX: c.log}).places()
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
			t.Errorf("%v: %v, want %v", c.columns, got, c.want)
		}
	}
}
