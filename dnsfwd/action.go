package dnsfwd

import "net/netip"

// A Client is where a query came from.
type Client struct {
	// From is the query's source; limits count by its address.
	From netip.AddrPort
	// TCP tells that the answer may be as long as a message can be.
	TCP bool
	// Token is the caller's; it comes back in the answer.
	Token uint64
}

// An Ask is one message to one upstream. ID is the message's id and unique
// among the asks not yet released.
type Ask struct {
	Upstream netip.AddrPort
	TCP      bool
	ID       uint16
}

// A Kind says what an Action wants done.
type Kind uint8

const (
	// Drop: nothing is sent; a query's Client will get no answer.
	Drop Kind = iota
	// Answer: send Msg to Client, which is thereby done with.
	Answer
	// Send: send Msg as described by Ask, and listen until its Release.
	Send
	// Wait: nothing now; Client is answered by a later Action.
	Wait
	// Release: Ask is over; stop listening for it.
	Release
)

// An Action is one thing to do. Verdict says why and is already counted.
type Action struct {
	Kind    Kind
	Verdict Verdict
	Client  Client
	Ask     Ask
	// Msg is a DNS message without the length prefix of TCP.
	Msg []byte
}
