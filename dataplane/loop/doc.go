// Package loop tells a loop from a station that merely moves: two ports of a
// network that are joined outside of it, such as two cards that one guest bridges,
// so that what is flooded out of one comes back by the other.
//
//	flooded frame whose station was on another port ──► Watch.Strayed ──► a loop?
//
// # Theory of operation
//
// A loop makes a station flap: a copy of its frame comes back by either end, and
// each time the station is learned there. But a station that flaps makes no loop.
// A bond that sends by both of its cards in turn does it, and so do two machines
// that were cloned with one address, a virtual router whose halves have lost sight
// of one another, and a guest that sends in another's name. None of them returns
// what was flooded. So a Watch counts, for its port, the frames that moved a station
// and are one that moved it here before, byte by byte: the same frame again, and
// in between its station was seen elsewhere.
//
// It keeps the hashes of a few frames of the running second, the first ones that
// came. What circulates comes by again whatever comes in between, and so is found
// however much else is flooded; what does not is forgotten with the second.
//
// # The thresholds
//
// Returns is 50 in a second. Once around a loop is tens of microseconds in one
// kernel and below a millisecond by way of a guest, so that 50 come back within a few
// milliseconds, before the storm has grown. What else repeats itself and moves is far
// slower: a station that fails over or migrates moves once; virtual routers that do
// not see one another advertise once a second each (RFC 9568 §5.2.7), and the
// kernel's bonding driver, where it probes by ARP on all its cards at once, is mostly
// set to one to ten probes a second. For comparison, RFC 7432 §15.1 holds 5 moves
// within 180 s for too many, without asking what was sent, and only stops to
// announce the station. A loop through something that takes longer than a second
// for 50 frames, whichever they are, is not seen; it is no storm either.
//
// HoldTime is 10 s without a sign of the loop. The signs are the broadcasts that
// stations send anyway, each of which comes back to the port that is held; longer
// than the usual pause between them would leave honest guests behind the port
// without broadcasts for longer, once their administrator has removed the loop,
// and shorter would let the storm begin anew, for some milliseconds, more often.
//
// Pause is 1 s between two ports of one network being held: holding one may have
// broken the loop, and what was still queued from before says nothing of the rest.
//
// # Concurrency
//
// A Watch belongs to the worker that receives from its port. Nothing is allocated.
package loop
