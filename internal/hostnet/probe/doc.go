// Package probe gathers facts about the host for doctor: what ubridge needs and
// whether it is there. It changes nothing; the words and the advice are
// doctor's.
//
// # Theory of operation
//
// Each function looks at one thing and returns what it found; an error means
// that it could not look, not that the thing is missing. What can only be known
// by trying (BPF, clsact) is tried without touching the host's network: loading
// a program attaches it nowhere, and clsact is put on the loopback device of a
// network namespace made for the purpose, which ends with the call.
//
// # Network namespaces and concurrency
//
// Sockets, routes and devices are those of the calling thread's namespace. No
// state is kept; all functions may be called concurrently.
//
// # Standards and sources
//
// capabilities(7), linux/inet_diag.h, proc(5) (fd, comm), uname(2).
package probe
