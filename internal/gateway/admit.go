package gateway

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// untag takes a tag off that carries a priority only: its frame is on no VLAN,
// and the host's stack takes it so too.
func untag(f *frame.Frame) {
	if f.Ethernet().IsPriorityTagged() {
		f.RemoveVLAN() // where that fails, the frame is dropped for its type
	}
}

// admit checks the IPv4 header of a frame's packet, which comes from a guest or
// from outside.
func admit(f *frame.Frame) (wire.IPv4, frame.Reason) {
	ip, ok := wire.ParseIPv4(f.Ethernet().Payload())
	if !ok || !ip.ChecksumOK() {
		return nil, frame.BadIP
	}
	return ip, options(ip[wire.IPv4Len:ip.HeaderLen()])
}

// Options of a packet (RFC 791 §3.1).
const (
	optionEnd  = 0
	optionNop  = 1
	optionLSRR = 131
	optionSSRR = 137
)

// options refuses packets that ask for a way of the sender's choice, by which a
// guest could reach what the destination alone does not let it (RFC 7126 §4.3
// and §4.4 recommend so, hosts do by default), and options that cannot be read.
func options(o []byte) frame.Reason {
	for len(o) > 0 {
		switch o[0] {
		case optionEnd:
			return frame.Forwarded
		case optionNop:
			o = o[1:]
			continue
		case optionLSRR, optionSSRR:
			return frame.SourceRoute
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return frame.BadIP
		}
		o = o[o[1]:]
	}
	return frame.Forwarded
}
