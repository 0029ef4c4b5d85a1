// Package stat is the arithmetic of the benchmark: medians, quartiles and
// ratios within rounds.
//
// # Theory of operation
//
// A machine drifts while it is measured, so no single figure is believed. Each
// cell of a table is a list of values, one a round; what is shown is its median
// and its quartiles. A ratio to the reference is taken within each round first,
// where both have seen the same machine, and only then is the median taken: the
// ratio of two medians would mix rounds.
//
// A round in which nothing was measured holds NaN, so that the lists of two
// peers stay aligned.
//
// # Concurrency
//
// Functions of values; nothing is shared.
package stat
