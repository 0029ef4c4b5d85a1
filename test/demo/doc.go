// Package demo runs "ubridge demo", the real binary, and holds it to its
// promise: each step works, in under a minute, and nothing is left behind, also
// when it is interrupted or when tools are missing.
//
// docs/demo.md is a captured run. It is written by
//
//	go test ./test/demo -run TestTour -update
package demo
