// Package daemon builds running networks from their definitions, keeps them in
// step with the host, and takes them down again.
//
// # Theory of operation
//
// Run takes the state directory's lock, reads the definitions, starts the
// worker and the slow path, starts the networks that are to start, serves the
// control API, and waits. What it makes on the host is written to the state
// file before it is made, so that the next start can take over, or clean up,
// after a SIGKILL:
//
//	STATE/lock             held while a daemon runs; names it
//	STATE/networks/*.toml  definitions
//	STATE/leases/*.leases  one file per network
//	STATE/state.json       ports, host ports' addresses, devices as they were
//	RUNTIME/*.state        NAT flows, forwarding databases (mapped, on tmpfs)
//	RUNTIME/ubridge.sock   the control API
//
// A clean stop (the context is cancelled) undoes everything on the host and
// keeps definitions, leases and the list of ports.
//
// # Mode bridge
//
// A network of mode bridge has no gateway, DHCP or DNS. It is started and stopped
// in steps, each of which leaves the host's connections over the NIC alone:
// programs, record, table, helper tap, bridge, the NIC's socket, hand-over of the
// host's frames (share.go). What happens to the NIC afterwards is followed, one
// method for each fact (sharefollow.go): gone, back, another address, another
// MTU. Restore and RestoreNIC take all off a NIC, with and without a daemon.
//
// # The kernel's fast path
//
// Where a network wants it (fast.go), its ports' programs forward what is known
// (internal/hostnet/fastpath). A worker tells of each station that it learns (told),
// which the kernel forgets at once if it knew it elsewhere; the keeper (fastkeep.go,
// fastnew.go) puts it in when user space is done with its port, and once a second carries
// ages over and compares the kernel's stations with the forwarding database's. Flows are
// the router's (fastflows.go). A port that cannot be on the fast path is in user space, as
// all are without it. A NIC that is shared takes part with the host beside it (fastnic.go).
// Networks begin in user space and go over when the programs are loaded (fastjoin.go), but
// for those of a dead daemon whose flows the kernel goes on with.
//
// With several workers, one receives from all ports while the CPUs have no room for more
// (gather.go).
//
// # Concurrency
//
// The control plane (networks, ports, definitions) is guarded by one mutex in
// Daemon, held by whoever changes it: an API call, a link event, start or stop.
// The worker owns the tables of the packet path and is reached through Do. The
// slow path's goroutine owns uplinks and asks the kernel for next hops. Every
// goroutine ends when the context is cancelled, and Run waits for all.
package daemon
