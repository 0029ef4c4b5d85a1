// Package tool reads what other programs and the kernel write: iperf3,
// sockperf, trafgen, ethtool, /proc/stat, /proc/net/dev.
//
// # Theory of operation
//
// Each function takes the bytes and gives figures or an error that quotes the
// place; none runs a program. The bytes come from outside, so each parser has a
// fuzz target, whose seeds are what the real programs wrote on the reference
// machine (testdata/fuzz).
//
// # Concurrency
//
// Functions of values; nothing is shared.
package tool
