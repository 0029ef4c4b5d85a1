// Package lab is the usual scene of the end-to-end suites: a host on which the
// daemon runs, a server outside, and guests.
//
//	guest ── eth0 ⇢ vNAME ─┐
//	guest ── eth0 ⇢ vNAME ─┤ host            server
//	guest ── eth0 ⇢ tap ───┴ ubridge ── eth0 ── eth0 10.9.0.1/24, lo 198.51.100.1
//	                         10.9.0.2/24
//
// # Theory of operation
//
// [New] makes the host's and the server's namespaces, the wire between them, a
// resolver (dnsmasq) and an HTTP server outside; the host's /etc/resolv.conf
// names that resolver. [Net.Start] runs the real binary in the host's namespace.
// Its methods are the command line's verbs, so that what a test sees is what a
// user sees: lists come from --json into the types of internal/api, failures
// are exit codes and text.
//
// A guest is a namespace behind a veth ([Net.Guest]), a namespace behind a tap
// without any offload ([Net.TapGuest]), or QEMU, which package testnet boots on
// a tap that the daemon has made. [Daemon.Join] adds a guest's port and takes a
// lease in one step.
//
// A kernel table, a file or a process that a suite needs for itself belongs into
// that suite; what two suites need is added here, one file for each topic.
//
// # Clean-up
//
// Whatever is made belongs to the testnet.Lab and goes with the test, daemons
// included: these are killed, which proves nothing about a clean stop. A test
// of that calls [Daemon.Stop]. When a test fails, the log of each of its daemons
// is in its output.
//
// # Concurrency
//
// As in package testnet: methods that end the test are for the test's goroutine,
// those that begin with Try for any.
package lab
