// Package churn keeps the daemon busy on all sides at once: guests that lease,
// ask and stream, lists without a pause, ports, networks and links that come and
// go, and SIGTERM or SIGKILL in the middle of it. Afterwards the host must be as
// it was before the first daemon.
//
// It is meant to be run with a daemon built by `go build -race` as well
// (UBRIDGE_BINARY names it): a report of a race fails the test.
//
// The suite needs root; everything it makes lies in namespaces of its own.
package churn
