// Package demo is "ubridge demo": a tour of under a minute in private network
// namespaces, with the real daemon, that leaves nothing behind.
//
// # Theory of operation
//
// A tour is a list of steps (steps.go). Each shows one thing that ubridge does
// for guests and proves that it happened: a step that cannot prove it fails the
// tour. The topology is a lab of internal/testnet: a host namespace in which the
// daemon runs, a server namespace that stands for the internet, two namespaces
// as guests, and where QEMU and a guest image are at hand, one real guest.
//
// The daemon, and the verbs whose tables are shown, are this very binary, run
// as a child. So is the outside server (outside.go): a child can stay when a
// tour is kept. The environment variable UBRIDGE_DEMO_ROLE tells it its part.
//
// Clients are what the machine has: udhcpc or dhclient; dig, nslookup of
// busybox or getent. Whatever else is needed (ping, download, throughput, names
// where no tool is installed) is Go code whose sockets are opened inside the
// namespace, so that iproute2 and a DHCP client are all that must be there.
//
// # Ends
//
// A tour ends in order, by a failed step, by a panic, or by its context (Ctrl-C);
// the lab is removed each time, by the one function that also checks that it is
// gone. Where the process itself is killed, the kernel ends its children (see
// testnet) and the next tour sweeps the namespaces. A kept tour outlives the
// process until Clean.
//
// # Concurrency
//
// Steps run one after the other, on a goroutine of their own each, because
// testnet ends a failed step by runtime.Goexit. Run waits for that goroutine
// before it removes anything: nothing can be made behind its back.
//
// # Standards
//
// Echo: RFC 792. Names: RFC 1035. The outside server's sink answers with a
// count and is otherwise like the discard service, RFC 863.
package demo
