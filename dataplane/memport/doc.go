// Package memport is the kind of port that tests plug into a switch: frames are
// injected as if they had arrived and captured as if they had been sent, with
// their offload metadata, and faults are set at will. It is deterministic and
// touches no network.
//
// # Theory of operation
//
// Received frames are copied into the worker's arena, so that the dataplane
// meets the same rules of borrowing as with a tap. Transmit behaves as the
// kernel does: what Caps does not take is refused, and an ordinary frame longer
// than the MTU is too big.
//
// # Concurrency
//
// The worker makes the calls of dataplane.Port, a test makes the others from
// any goroutine; one mutex guards both. A port made by NewPolled wakes a
// sleeping worker by an eventfd that is readable while a frame waits.
package memport
