package nat

import "ubridge/internal/wire"

// side is where a packet comes from; as a set, who sent FIN.
type side uint8

const (
	fromInside side = 1 << iota
	fromOutside
)

// kind is what a packet means to the state of its session.
type kind uint8

const (
	plain kind = iota // UDP or echo
	ack               // TCP with ACK and nothing below
	syn
	synAck
	fin
	rst
	bogus // flags that no TCP sends
)

// kindOf sorts a segment by its flags. Combinations that no stack sends (RFC
// 9293 §3.10) are bogus, as the kernel's conntrack has it.
func kindOf(flags byte) kind {
	switch flags & (wire.TCPFin | wire.TCPSyn | wire.TCPRst | wire.TCPAck) {
	case wire.TCPAck:
		return ack
	case wire.TCPSyn:
		return syn
	case wire.TCPSyn | wire.TCPAck:
		return synAck
	case wire.TCPFin | wire.TCPAck:
		return fin
	case wire.TCPRst, wire.TCPRst | wire.TCPAck:
		return rst
	}
	return bogus
}

// opening is the state of the session that a packet of kind k from a guest
// opens. As the kernel does by default (nf_conntrack_tcp_loose), a segment from
// the middle of a stream opens one, so that connections survive a loss of
// state; FIN, RST and SYN-ACK do not.
func opening(p Proto, k kind) (ConnState, bool) {
	switch {
	case p == UDP:
		return UDPNew, true
	case p == Echo:
		return EchoSent, true
	case k == syn:
		return SynSent, true
	case k == ack:
		return PickedUp, true
	}
	return free, false
}

// renewed reports whether packets renew the time of a session in state s.
// Closed ones end at their time: else a remote that repeats itself would keep
// the port.
func (s ConnState) renewed() bool { return s != TimeWait && s != Closed }

// next is the state of s after a packet of kind k from a side.
func (s *Session) next(now Time, from side, k kind) ConnState {
	switch s.tuple.proto {
	case UDP:
		return s.nextUDP(now, from)
	case Echo:
		return EchoSent
	}
	switch k {
	case ack:
		return s.afterAck(from)
	case syn, synAck:
		return s.afterSyn(from, k)
	case fin:
		return s.afterFin(from)
	case rst:
		return s.afterRst()
	}
	return s.state
}

// nextUDP tells a question and its answer from a stream as the kernel does: a
// session that was answered and goes on after two seconds is a stream.
func (s *Session) nextUDP(now Time, from side) ConnState {
	switch {
	case s.state == UDPNew && from == fromInside:
		return UDPNew
	case s.state == UDPStream || s.state == UDPReplied && now-s.born > 2:
		return UDPStream
	}
	return UDPReplied
}

// afterAck: the handshake or a close is acknowledged. An ACK from the guest
// after RST shows that its connection lives, so that the RST was forged or out
// of its window (RFC 7857 §2.2): sequence numbers need not be tracked for that.
func (s *Session) afterAck(from side) ConnState {
	switch s.state {
	case SynRecv:
		return Established
	case PickedUp:
		if from == fromOutside {
			return Established
		}
	case FinWait:
		if s.fins&from == 0 {
			return CloseWait
		}
	case LastAck:
		return TimeWait
	case Closed:
		if from == fromInside {
			return PickedUp
		}
	}
	return s.state
}

// afterSyn: a side opens or answers. The ports of a closed session may be used
// again at once, by either side (RFC 9293 §3.6.1).
func (s *Session) afterSyn(from side, k kind) ConnState {
	switch {
	case s.state == SynSent && from == fromOutside:
		return SynRecv // the answer, or both opened at once
	case k == synAck || s.state.renewed():
		return s.state
	case from == fromInside:
		s.fins = 0
		return SynSent
	}
	s.fins = 0
	return SynRecv
}

func (s *Session) afterFin(from side) ConnState {
	switch s.state {
	case SynSent, TimeWait, Closed:
		return s.state
	}
	s.fins |= from
	if s.fins == fromInside|fromOutside {
		return LastAck
	}
	if s.state == CloseWait {
		return CloseWait // the same FIN again
	}
	return FinWait
}

// afterRst: a connection in TIME-WAIT is over anyway; it keeps its time (RFC
// 1337).
func (s *Session) afterRst() ConnState {
	if s.state == TimeWait {
		return TimeWait
	}
	return Closed
}
