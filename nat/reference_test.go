package nat

import (
	"fmt"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// reference is a translator made of maps and of the standards' sentences. It
// leaves one choice to the table, which port a new mapping gets, and checks that
// the choice was open.
type reference struct {
	now   Time
	swept bool // the table has swept since time went on
	ends  map[endKey]*refMapping
	flows map[flowKey]*refFlow
}

type endKey struct {
	proto      byte
	network    uint16
	inside     wire.IP4
	insidePort uint16
	outside    wire.IP4
}

type flowKey struct {
	end        endKey
	remote     wire.IP4
	remotePort uint16
}

type refMapping struct {
	port    uint16
	expires Time
}

type refFlow struct {
	state      string
	used, born Time
	mac        wire.MAC
}

// refTimeout is the kernel's table; half-closed states say who closed.
var refTimeout = map[string]Time{
	"syn-sent": 120, "syn-recv": 60, "established": 432000, "fin-in": 120, "fin-out": 120,
	"closewait-in": 60, "closewait-out": 60, "last-ack": 30, "time-wait": 120, "close": 10,
	"picked-up": 300, "unreplied": 30, "replied": 30, "stream": 120, "echo": 30,
}

// refTCP lists the segments that change a state: side, then what the segment is.
var refTCP = map[string]map[string]string{
	"syn-sent":      {"out syn": "syn-recv", "out synack": "syn-recv", "in rst": "close", "out rst": "close"},
	"syn-recv":      {"in ack": "established", "out ack": "established", "in fin": "fin-in", "out fin": "fin-out", "in rst": "close", "out rst": "close"},
	"established":   {"in fin": "fin-in", "out fin": "fin-out", "in rst": "close", "out rst": "close"},
	"fin-in":        {"out ack": "closewait-in", "out fin": "last-ack", "in rst": "close", "out rst": "close"},
	"fin-out":       {"in ack": "closewait-out", "in fin": "last-ack", "in rst": "close", "out rst": "close"},
	"closewait-in":  {"out fin": "last-ack", "in rst": "close", "out rst": "close"},
	"closewait-out": {"in fin": "last-ack", "in rst": "close", "out rst": "close"},
	"last-ack":      {"in ack": "time-wait", "out ack": "time-wait", "in rst": "close", "out rst": "close"},
	"time-wait":     {"in syn": "syn-sent", "out syn": "syn-recv"},
	"close":         {"in ack": "picked-up", "in syn": "syn-sent", "out syn": "syn-recv"},
	"picked-up":     {"out ack": "established", "in fin": "fin-in", "out fin": "fin-out", "in rst": "close", "out rst": "close"},
}

var refFlags = map[string]byte{"ack": flagAck, "syn": flagSyn, "synack": flagSynAck, "fin": flagFin, "rst": flagRst}

func (f *refFlow) packet(now Time, from, segment string) {
	switch f.state {
	case "unreplied", "replied", "stream":
		switch {
		case f.state == "replied" && now > f.born+2:
			f.state = "stream"
		case f.state == "unreplied" && from == "out":
			f.state = "replied"
		}
	case "echo":
	default:
		was := f.state
		if next, ok := refTCP[was][from+" "+segment]; ok {
			f.state = next
		}
		if f.state == was && (was == "close" || was == "time-wait") {
			return
		}
	}
	f.used = now
}

// expire ends flows that are over; mappings as well, unless the process is dead.
func (m *reference) expire(mappings bool) {
	for k, f := range m.flows {
		if end := f.used + refTimeout[f.state]; end <= m.now {
			m.end(k, end)
		}
	}
	for k, e := range m.ends {
		if mappings && !m.inUse(k) && e.expires <= m.now {
			delete(m.ends, k)
		}
	}
}

func (m *reference) end(k flowKey, at Time) {
	e := m.ends[k.end]
	e.expires = max(e.expires, at+30)
	if k.end.proto == wire.ProtoUDP {
		e.expires = max(e.expires, m.flows[k].used+120)
	}
	delete(m.flows, k)
}

func (m *reference) inUse(k endKey) bool {
	for f := range m.flows {
		if f.end == k {
			return true
		}
	}
	return false
}

func (m *reference) portOwner(proto byte, port uint16) *endKey {
	for k, e := range m.ends {
		if k.proto == proto && e.port == port {
			return &k
		}
	}
	return nil
}

// out is what should become of a guest's packet; port is what the table chose
// where it made a mapping.
func (m *reference) out(k flowKey, mac wire.MAC, segment string, port uint16) (uint16, error) {
	f := m.flows[k]
	if f == nil {
		states := map[string]string{"syn": "syn-sent", "ack": "picked-up"}
		f = &refFlow{state: states[segment], born: m.now, used: m.now}
		switch k.end.proto {
		case wire.ProtoUDP:
			f.state = "unreplied"
		case wire.ProtoICMP:
			f.state = "echo"
		}
		if m.ends[k.end] == nil {
			if o := m.portOwner(k.end.proto, port); o != nil {
				return 0, fmt.Errorf("port %d is held by %+v", port, *o)
			}
			if k.end.proto != wire.ProtoICMP && port < 61000 {
				return 0, fmt.Errorf("port %d is outside the pool", port)
			}
			m.ends[k.end] = &refMapping{port: port}
		}
		m.flows[k] = f
	} else {
		f.packet(m.now, "in", segment)
	}
	f.mac = mac
	return m.ends[k.end].port, nil
}

// in is who should get a packet from outside.
func (m *reference) in(proto byte, outside wire.IP4, port uint16, remote wire.IP4, remotePort uint16) (k flowKey, r frame.Reason) {
	o := m.portOwner(proto, port)
	if o == nil || o.outside != outside {
		return k, frame.NoMapping
	}
	k = flowKey{*o, remote, remotePort}
	if m.flows[k] == nil {
		return k, frame.Filtered
	}
	return k, frame.Forwarded
}
