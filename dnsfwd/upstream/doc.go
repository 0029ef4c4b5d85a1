// Package upstream is the edge of the DNS forwarder: the sockets, the clock and
// the resolver configuration that package dnsfwd does without.
//
// # Theory of operation
//
// A [Service] runs one loop that feeds a [dnsfwd.Forwarder] with queries, with
// what arrives from resolvers, and with the time, and carries out the actions
// that come back. Queries reach it as datagrams from the dataplane
// ([Service.Submit]) and as TCP connections ([Service.ServeTCP]); there is no
// UDP listener.
//
// Each ask of a resolver has a socket of its own, connected, with a source
// port that the kernel draws at random (RFC 5452 §9.2), and one goroutine that
// reads it until the Forwarder releases the ask. The sockets live in the
// network namespace of the process, so a resolver on the host's loopback, such
// as systemd-resolved's 127.0.0.53, is asked from the host's own stack.
//
// The resolvers come from a resolv.conf(5), followed by fsnotify on the
// folders of the file and of what it links to, since tools replace file and
// link by rename, and by a look every few seconds where notification fails.
// Where none is configured, clients get SERVFAIL until one comes.
//
// # Concurrency
//
// The loop in Run is the only one to carry out actions. The Forwarder is
// guarded by a mutex, held for the length of one call into it and never while
// a callback runs, so that SetHosts and Status can be called
// from anywhere and at any time, also from a reply callback or before Run.
//
// # Standards
//
// RFC 7766 for TCP in both directions: pipelined queries, answers in any order,
// idle timeout (§6.2.3), bounded connections (§10). Following resolv.conf(5)
// as glibc reads it, without its limit of three servers.
package upstream
