// Package dataplane moves batches of frames between ports: learn, decide,
// transmit.
//
// # Theory of operation
//
// A Worker is one operating-system thread that owns ports. It runs this for
// every port that has frames:
//
//	          Receive                                            Transmit
//	port ──► batch ──► classify ──┬─► unicast ──► fdb lookup ──► egress list of one port
//	                              ├─► flood   ────────────────► egress list of every other member
//	                              ├─► station ──► Handler.FromBridge ──► egress lists, frames of its own
//	                              └─► dropped, counted by frame.Reason
//	uplink ─► batch ─────────────────► Handler.FromUplink ──► egress lists, frames of its own
//
// Classify looks at each frame of the batch once and sorts its index into a
// list per class; then one loop runs per class. Frames are never copied on the
// way: an egress list holds indices into the batch, and a flooded frame is in
// several lists. When all lists are filled, each port with a list sends it in
// one call; then the batch is released. A frame that a port cannot take as it
// is (a superframe, an unfinished checksum) is cut or finished by package
// segment on its way out.
//
// A Bridge is a learning domain: its member ports, its forwarding database and
// its station, which is the network's own address on it. Uplinks are members of
// no bridge: only the Handler, which the daemon plugs in, knows what to do with
// their frames. The handler is the router; dataplane knows nothing of IP beyond
// what names a DHCP request.
//
// Learning the batch's sources happens in classify, frame by frame, before any
// of the batch's destinations are looked up in the later loop: a reply inside
// the same batch finds its station already learned, which is what per-frame
// order would have given too, or better.
//
// # Concurrency
//
// Everything that hangs off a Worker belongs to its goroutine. Others reach it
// by Do, which runs a function between two batches; so tables need no lock and
// counters no atomics. Waiting is a ppoll over the ports' descriptors and one
// eventfd, after a bounded spin; a port never blocks the worker.
//
// # Standards
//
// IEEE 802.1D-2004 §7.7–7.9 (learning, filtering, ageing), 802.1Q table 8-1
// (reserved addresses); otherwise as the Linux kernel bridge does.
package dataplane
