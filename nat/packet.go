package nat

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// Time is a moment in whole seconds of a clock that never steps and goes on
// over a restart of the process: CLOCK_MONOTONIC or CLOCK_BOOTTIME. A second is
// fine enough for every timeout here and lets a busy session's memory rest
// between two ticks.
type Time uint32

// Guest names an inside station.
type Guest struct {
	Network uint16   // the network's number, chosen by the caller
	Addr    wire.IP4 // inside address
	MAC     wire.MAC // where the network's switch finds it
}

// Packet is one IPv4 packet on its way through the table. It belongs to the
// caller, who fills it anew for each call and may reuse it; L3 is rewritten in
// place and its length never changes.
type Packet struct {
	L3       []byte         // the packet; what follows its total length is ignored
	L3Offset int            // where L3 starts in the frame: Offload counts from there
	Offload  *frame.Offload // nil for an ordinary frame

	// Guest is the sender (Outbound: Network and MAC are given, Addr is filled
	// in) or the receiver (Inbound: all filled in).
	Guest Guest

	// Outside is the address to masquerade as, that of the interface which the
	// route to the destination leaves by. Outbound only.
	Outside wire.IP4

	// Held says that the table has kept a copy of this fragment until the first
	// of its datagram comes: the caller has nothing to send and nothing to
	// count.
	Held bool

	// Offered names, if not 0, a flow for Table.Offer that the Kernel may do alone from
	// here on. Outbound only.
	Offered int

	// Released is the number of fragments that waited for this one and follow
	// it now: send this one, then call NextReleased as often.
	Released int
}

// header is what translation needs to know of a packet's transport.
type header struct {
	proto    Proto
	kind     kind
	src, dst uint16 // ports; of an echo, the identifier on the guest's side and 0
	partial  bool   // the checksum field holds the pseudo-header sum only
	icmpErr  bool
	l4       []byte
}

// parse reads the transport header of a packet, whole or first fragment, that a
// guest sent or that came from outside.
func (h *header) parse(ip wire.IPv4, p *Packet, from side) frame.Reason {
	var ok bool
	if h.proto, ok = protoOf(ip.Proto()); !ok {
		return frame.UnsupportedProto
	}
	h.l4 = ip.Payload()
	need := wire.UDPLen
	switch h.proto {
	case TCP:
		seg, ok := wire.ParseTCP(h.l4)
		if !ok {
			return frame.BadTransport
		}
		if h.kind = kindOf(seg.Flags()); h.kind == bogus {
			return frame.BadTransport
		}
		h.src, h.dst, need = seg.SrcPort(), seg.DstPort(), seg.HeaderLen()
	case UDP:
		dg, ok := wire.ParseUDP(h.l4)
		if !ok {
			return frame.BadTransport
		}
		h.src, h.dst = dg.SrcPort(), dg.DstPort()
	default:
		return h.parseICMP(p, from)
	}
	return h.checkOffload(p, p.L3Offset+ip.HeaderLen(), need)
}

func (h *header) parseICMP(p *Packet, from side) frame.Reason {
	m, ok := wire.ParseICMP(h.l4)
	if !ok {
		return frame.BadTransport
	}
	if o := p.Offload; o != nil && (o.NeedsCsum() || o.IsGSO()) {
		return frame.BadOffload // no stack leaves an ICMP checksum undone
	}
	switch m.Type() {
	case wire.ICMPUnreachable, wire.ICMPTimeExceeded, wire.ICMPParamProblem:
		h.icmpErr = true
		return frame.Forwarded
	case wire.ICMPEcho:
		h.src, ok = m.ID(), from == fromInside
	case wire.ICMPEchoReply:
		h.dst, ok = m.ID(), from == fromOutside
	default:
		ok = false
	}
	switch {
	case ok:
		return frame.Forwarded
	case from == fromOutside:
		return frame.NoMapping // for the host itself: a ping to it, a redirect
	}
	return frame.UnsupportedProto
}

// checksumOffset is where a transport's checksum lies, as virtio's csum_offset
// tells it.
var checksumOffset = [numProtos]uint16{
	TCP: wire.TCPChecksumOffset, UDP: wire.UDPChecksumOffset, Echo: wire.ICMPChecksumOffset,
}

// checkOffload finds out whether the transport checksum is finished. One left
// undone farther inside, as by a guest that tunnels, does not concern us; one
// laid across our headers cannot be kept true.
func (h *header) checkOffload(p *Packet, start, headerLen int) frame.Reason {
	o := p.Offload
	if o == nil || !o.NeedsCsum() && !o.IsGSO() {
		return frame.Forwarded
	}
	if o.NeedsCsum() && int(o.CsumStart) == start && o.CsumOffset == checksumOffset[h.proto] {
		h.partial = true
		if k := o.GSO.Kind(); k == frame.GSONone || h.proto == TCP && k == frame.GSOTCP4 || h.proto == UDP && k == frame.GSOUDPL4 {
			return frame.Forwarded
		}
		return frame.BadOffload
	}
	if o.IsGSO() || int(o.CsumStart) < start+headerLen {
		return frame.BadOffload
	}
	return frame.Forwarded
}
