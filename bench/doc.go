// Package bench is "ubridge bench": it measures ubridge beside what people use
// instead of it, in one run on one machine, and says how sure it is.
//
// # Theory of operation
//
// Two endpoints, a and b, are namespaces that stay for the whole run. Between
// them is a bed: a third namespace, mid, which holds one peer, that is, one
// thing to be measured: a switch or a translator (NAT). For each measurement a
// fresh mid is made, the peer is built in it, a and b get the same device (eth0:
// same address, same MAC, same MTU), the scenario measures, and all of it is
// removed. Whatever differs between two figures, then, is the peer.
//
//	a ── eth0 ──[ mid: peer ]── eth0 ── b
//
// A scenario is a list of things measured on a bed. The loop (loop.go) is
// scenario, round, peer: within a round each peer is measured once, in an order
// that turns (A B C, C A B, …), so that a slow minute hurts all alike. Cells are
// medians and quartiles over rounds, ratios are taken within rounds (package
// stat). The reference runs a second time as a peer of its own, "again": how far
// it is from itself is the noise below which no ratio says anything.
//
// Speed does not count where frames are not right. The scenario "right" sends
// numbered frames with checksums and a file with its SHA-256 through every
// peer, and floods are sampled while they are measured. A peer that corrupts,
// duplicates or reorders within a flow is marked FAILED. Lost frames are no
// failure but a figure.
//
// Generators and sinks are not ubridge's: iperf3, sockperf, trafgen, the
// kernel's counters at the far end. What those cannot do (an exact rate, a
// number and a checksum in each frame, a round trip in under two seconds) is in
// package traffic, small enough to be read.
//
// The processor time is the whole machine's (/proc/stat), generators included;
// what the hypervisor stole is told apart. TCP runs without pacing: the
// namespaces' congestion control is set before any socket is born.
//
// # How to add a scenario
//
// Write one file, scenario_NAME.go, with a variable of type scenario, and name
// it in the list in scenarios.go:
//
//	var idle = scenario{
//		name: "idle", title: "Idle", kind: switching, quick: true,
//		metrics: []metric{{key: "cpu", title: "CPU, % of one core", better: lower, digits: 2}},
//		seconds: func(p plan) float64 { return p.seconds },
//		run: func(b *bed) {
//			used := b.cpu(func() { b.sleep(b.plan.duration()) })
//			b.put("cpu", "no frames", 100*used.Busy.Seconds()/b.plan.seconds)
//		},
//	}
//
// run measures one peer once. It uses b.a, b.b and b.mid (namespaces), b.target
// (b's address as a sees it), b.in and b.start (processes, which end with the
// bed), and hands each value over by b.put(metric, column, value). b.bad marks
// the peer as FAILED; b.Fatalf gives the measurement up, with a reason that is
// shown, and the run goes on. A scenario with peers of its own gives them in
// peers; else all of its kind are measured. Tables, JSON and charts follow from
// what was put.
//
// # How to add a peer
//
// Add a peer to switches or translators (peers.go) with the programs that it
// needs and a function that builds it on a bed: b.veths() gives a and b a veth
// whose other ends, pa and pb, are in mid; a peer on taps makes eth0 in a and b
// itself and calls b.address().
//
// # Ends
//
// A measurement runs on a goroutine of its own, since testnet ends a failed one
// by runtime.Goexit; what it has made is removed by the runner, last first, also
// after a panic or Ctrl-C. Where the process is killed, the kernel ends its
// children and the next run sweeps the namespaces.
//
// # Concurrency
//
// One measurement at a time; a bed belongs to its measurement's goroutine.
//
// # Standards
//
// RFC 2544 §26.1 (throughput: the highest rate at a loss), with short trials;
// frame sizes count the four bytes of the FCS, as there; RFC 6985 (the mix of
// sizes called IMIX, here 7:4:1 of 64, 594 and 1518 bytes).
package bench
