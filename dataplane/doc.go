// Package dataplane moves batches of frames between ports: learn, decide,
// transmit.
//
// # Theory of operation
//
// A Worker is one operating-system thread that owns ports. A switch has one or
// several; each runs this for every port of its own that has frames:
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
// their frames. Ports of a bridge may be put into split-horizon groups (SetPortGroup):
// those of one group exchange no frames, which isolates guests from one another and
// keeps two ways to the same wire from being joined to a loop. The handler is the router; dataplane knows nothing of IP beyond
// what names a DHCP request.
//
// Learning the batch's sources happens in classify, frame by frame, before any
// of the batch's destinations are looked up in the later loop: a reply inside
// the same batch finds its station already learned, which is what per-frame
// order would have given too, or better.
//
// # Several workers
//
// A port has one owner, which receives from it; every worker sends to every port,
// by a sender of its own and on the port's one descriptor, so that a frame never
// waits for another worker. A flow enters by one port, is decided by that port's
// owner, and so keeps its order. The first worker also runs the handler, and owns
// the uplinks and the hosts' ports, whose frames are for it. What other workers
// have for the handler they copy into a ring (see handover); frames that find it
// full are dropped as router-busy. Where there is no CPU for several, the first worker
// may receive from all ports meanwhile (Gather).
//
// # Concurrency
//
// Everything that hangs off a Worker belongs to its goroutine: batches, egress
// lists, its view of each port with the counters and the latest lookups, its
// senders. What workers share is the forwarding database, which has no lock for
// what every frame does, and the lists of ports and bridges, which change only
// while all are parked between two batches (see barrier). Do and Post run functions
// then, on the first worker's goroutine; so counters need no atomics. PostCycle
// parks nobody.
//
// # Waiting
//
// A worker waits by a ppoll over its hot ports, one epoll descriptor for the cold
// ones (see sort) and one eventfd, after a bounded spin; a port never blocks it. It
// goes before ordinary threads while it is at work most of the time (see load), and
// waits in the runtime's poller when nothing has come for a second (see doze).
//
// # Standards
//
// IEEE 802.1D-2004 §7.7–7.9 (learning, filtering, ageing), 802.1Q table 8-1
// (reserved addresses); otherwise as the Linux kernel bridge does.
package dataplane
