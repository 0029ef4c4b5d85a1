package nat

import (
	"time"

	"ubridge/internal/wire"
)

// Proto is a protocol that is translated; each has ports of its own.
type Proto uint8

// Protocols. TCP and UDP are also the halves of Config.PortBits.
const (
	TCP  Proto = iota // ports
	UDP               // ports
	Echo              // ICMP echo; its identifier stands for the port

	numProtos = 3
)

// String is the protocol's name in `nat flows`.
func (p Proto) String() string {
	if p < numProtos {
		return [...]string{"tcp", "udp", "icmp"}[p]
	}
	return "unknown"
}

func protoOf(number byte) (Proto, bool) {
	switch number {
	case wire.ProtoTCP:
		return TCP, true
	case wire.ProtoUDP:
		return UDP, true
	case wire.ProtoICMP:
		return Echo, true
	}
	return 0, false
}

// ConnState is how far a session has come. The numbers are part of the stored
// layout: add at the end only, and raise LayoutVersion.
type ConnState uint8

// States of a session.
const (
	free        ConnState = iota
	SynSent               // the guest sent SYN
	SynRecv               // the remote answered
	Established           // three-way handshake complete
	FinWait               // one side sent FIN
	CloseWait             // and the other acknowledged it
	LastAck               // both sides sent FIN
	TimeWait              // and the last was acknowledged
	Closed                // a side sent RST
	PickedUp              // opened in mid-stream, not answered yet
	UDPNew                // the guest sent
	UDPReplied            // the remote answered
	UDPStream             // still going on two seconds after it began
	EchoSent              // echo request sent

	numStates
)

var stateNames = [numStates]string{
	"free", "syn-sent", "syn-recv", "established", "fin-wait", "close-wait", "last-ack",
	"time-wait", "close", "picked-up", "unreplied", "replied", "stream", "echo",
}

// String is the state's name in `nat flows`.
func (s ConnState) String() string {
	if s < numStates {
		return stateNames[s]
	}
	return "unknown"
}

// assured reports whether a session in state s is worth more than the guest's
// wish for another one.
func (s ConnState) assured() bool { return s == Established || s == UDPStream }

// fits reports whether s is a state of protocol p.
func (s ConnState) fits(p Proto) bool {
	switch p {
	case TCP:
		return s >= SynSent && s <= PickedUp
	case UDP:
		return s >= UDPNew && s <= UDPStream
	}
	return p == Echo && s == EchoSent
}

// Timeouts says for how long a session lives without a packet. Zero fields take
// the default, which is the kernel's (nf_conntrack_*_timeout); whole seconds.
type Timeouts struct {
	SynSent     time.Duration // 2 min
	SynRecv     time.Duration // 1 min
	Established time.Duration // 5 days; RFC 5382 REQ-5 asks for 2 h 4 min at least
	FinWait     time.Duration // 2 min
	CloseWait   time.Duration // 1 min
	LastAck     time.Duration // 30 s
	TimeWait    time.Duration // 2 min, not renewed by packets
	Closed      time.Duration // 10 s after RST, not renewed by packets
	PickedUp    time.Duration // 5 min, the kernel's "unacknowledged"
	UDP         time.Duration // 30 s
	UDPStream   time.Duration // 2 min
	Echo        time.Duration // 30 s

	// UDPMapping is for how long a UDP mapping keeps its port after its last
	// packet, sessions or not: 2 min (RFC 4787 REQ-5).
	UDPMapping time.Duration
	// Quarantine is for how long a port is kept from others after its last
	// session ended: 30 s.
	Quarantine time.Duration
	// Fragment is for how long fragments wait for their first one, and for how
	// long the first is remembered: 5 s.
	Fragment time.Duration
}

// RFC 5382 REQ-5: an established connection idle for less is never given up
// for the guest's own new ones.
const minEstablished Time = 2*3600 + 4*60

// timers is Timeouts as seconds, by what they are for.
type timers struct {
	state      [numStates]Time
	hold       [numProtos]Time
	quarantine Time
	fragment   Time
}

func (c Timeouts) timers() (t timers) {
	set := func(to *Time, d time.Duration, seconds Time) {
		*to = seconds
		if d > 0 {
			*to = Time((d + time.Second - 1) / time.Second)
		}
	}
	set(&t.state[SynSent], c.SynSent, 120)
	set(&t.state[SynRecv], c.SynRecv, 60)
	set(&t.state[Established], c.Established, 5*24*3600)
	set(&t.state[FinWait], c.FinWait, 120)
	set(&t.state[CloseWait], c.CloseWait, 60)
	set(&t.state[LastAck], c.LastAck, 30)
	set(&t.state[TimeWait], c.TimeWait, 120)
	set(&t.state[Closed], c.Closed, 10)
	set(&t.state[PickedUp], c.PickedUp, 300)
	set(&t.state[UDPNew], c.UDP, 30)
	set(&t.state[UDPReplied], c.UDP, 30)
	set(&t.state[UDPStream], c.UDPStream, 120)
	set(&t.state[EchoSent], c.Echo, 30)
	set(&t.hold[UDP], c.UDPMapping, 120)
	set(&t.quarantine, c.Quarantine, 30)
	set(&t.fragment, c.Fragment, 5)
	return t
}
