package bench

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"ubridge/bench/stat"
)

// results collect what one scenario measures, by metric, column, peer and round.
type results struct {
	scenario *scenario
	rounds   int

	mu       sync.Mutex
	columns  map[string][]string // by metric, in the order in which they came
	values   map[cellKey][]float64
	failures map[string][]string // by peer: what was wrong with frames
	gaveUp   map[string][]string // by peer: why it was not measured
	steals   []float64

	peer  string // whose turn it is
	round int
}

type cellKey struct{ metric, column, peer string }

func newResults(s *scenario, rounds int) *results {
	return &results{
		scenario: s, rounds: rounds,
		columns: map[string][]string{}, values: map[cellKey][]float64{},
		failures: map[string][]string{}, gaveUp: map[string][]string{},
	}
}

// turn says whose values come now.
func (r *results) turn(peer string, round int) { r.peer, r.round = peer, round }

// put implements sink. A scenario that names a metric it does not have is wrong.
func (r *results) put(metric, column string, value float64) {
	if _, ok := r.scenario.metric(metric); !ok {
		panic(fmt.Sprintf("scenario %s has no metric %s", r.scenario.name, metric))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.columns[metric], column) {
		r.columns[metric] = append(r.columns[metric], column)
	}
	key := cellKey{metric, column, r.peer}
	if r.values[key] == nil {
		r.values[key] = slices.Repeat([]float64{stat.Missing()}, r.rounds)
	}
	if !math.IsInf(value, 0) {
		r.values[key][r.round] = value
	}
}

// bad implements sink.
func (r *results) bad(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures[r.peer] = append(r.failures[r.peer], fmt.Sprintf("round %d: %s", r.round+1, fmt.Sprintf(format, args...)))
}

// steal implements sink.
func (r *results) steal(share float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steals = append(r.steals, share)
}

// giveUp notes why a peer was not measured in this round.
func (r *results) giveUp(why error) {
	r.gaveUp[r.peer] = append(r.gaveUp[r.peer], fmt.Sprintf("round %d: %v", r.round+1, why))
}
