package dataplane

import "ubridge/dataplane/frame"

// Port is one attachment of a network or one uplink: a source and a sink of
// frames. Every kind of port lives in a folder of its own below dataplane and
// satisfies this interface; one call handles a whole batch.
//
// # Who may call what
//
// One worker owns a port: it receives, and makes every call but those below from
// one goroutine. The first worker alone calls Transmit; the others send by what
// NewSender gave them, at any time, also while the owner receives. All may ask
// Caps and FD. Close comes after the last use of the port and its senders.
// Nothing here blocks: waiting is the worker's business, with ppoll on FD.
type Port interface {
	frame.Sender

	// NewSender makes a further way to send, for one goroutine. It lives as long
	// as the port.
	NewSender() frame.Sender

	// Receive appends frames that have arrived to b, up to its end, and leaves
	// it as it is when there are none. The frames lie in the port's own ring or
	// in b.Arena and are valid until Release. Drops that the port had to make
	// itself (a frame cut by the kernel, no buffer) are added to drops. The
	// error tells that the device behind the port is gone or down (frame.ErrDown);
	// the port stays usable and Receive is asked again later.
	Receive(b *frame.Batch, drops *frame.Drops) error

	// Release gives what the last Receive borrowed back to the kernel. The
	// worker then resets the batch.
	Release()

	// Caps is what Transmit takes. It changes only while the workers are parked; a
	// worker asks once per batch.
	Caps() frame.Caps

	// FD is polled for POLLIN while nothing is to be done; -1 for a port that
	// wakes its worker in another way.
	FD() int

	// Pending reports, without a system call, whether Receive would find a
	// frame. A port that cannot know answers false.
	Pending() bool

	// Close releases the port. It leaves the device behind it as it is.
	Close() error
}
