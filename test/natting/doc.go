// Package natting proves translation from end to end: the daemon as users start
// it, namespaces as guests behind veths, and a world of two hops outside.
//
//	g1 192.168.122.11 ─ vg1 ┐           ┌ eth0 ───── eth0 ┐          ┌ eth1 ──── eth0 ┐
//	                        ├── host ───┤ 10.9.0.2  .1    ├─ router ─┤ 10.8.0.1   .2  ├ server
//	g2 192.168.122.12 ─ vg2 ┘  ubr0     └                 ┘          └                ┘ 198.51.100.1, .2
//
// Each test has its own bed, so that tests run beside each other, and each
// claim is one subtest. What is claimed comes from reference/proofs.md §1, §7,
// §8 and §9, and from decisions 4 to 7 of the design.
//
// Sockets of the endpoints are opened by the test itself in their namespaces
// (testnet's NS.Do): they need no helper programs, and payloads are compared
// where they arrive.
package natting
