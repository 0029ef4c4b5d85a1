package nat

import (
	"encoding/binary"
	"fmt"
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

var (
	alice  = wire.IP4{192, 168, 122, 10}
	bob    = wire.IP4{192, 168, 122, 11}
	host   = wire.IP4{203, 0, 113, 7}
	server = wire.IP4{198, 51, 100, 80}
	third  = wire.IP4{198, 51, 100, 99}
	mac    = wire.MAC{0x52, 0x54, 0, 1, 2, 3}
)

const all = 1 << 30 // an Expire budget that sweeps everything

func newTable(tb testing.TB, change ...func(*Config)) *Table {
	tb.Helper()
	cfg := Config{
		Sessions: 4096, Mappings: 4096, FirstPort: 61000, LastPort: 65535,
		Seed: [2]uint64{1, 2}, Fragments: 64, FragmentBytes: 256 << 10,
		PortBits: make([]uint64, PortBitWords),
	}
	for _, f := range change {
		f(&cfg)
	}
	t, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// pkt describes a packet to build; for ICMP, sport is the echo identifier.
type pkt struct {
	src, dst     wire.IP4
	proto        byte
	sport, dport uint16
	flags        byte // TCP
	icmpType     byte
	ipid         uint16
	body         []byte
	noChecksum   bool // UDP
}

// transport builds header and body with a finished checksum.
func (k pkt) transport() []byte {
	var b []byte
	switch k.proto {
	case wire.ProtoTCP:
		b = make([]byte, 20)
		binary.BigEndian.PutUint32(b[4:], 0x01020304)
		b[12], b[13] = 5<<4, k.flags
	case wire.ProtoUDP:
		b = make([]byte, 8)
		binary.BigEndian.PutUint16(b[4:], uint16(8+len(k.body)))
	case wire.ProtoICMP:
		b = make([]byte, 8)
		b[0] = k.icmpType
		binary.BigEndian.PutUint16(b[4:], k.sport)
	default:
		return append(make([]byte, 8), k.body...)
	}
	if k.proto != wire.ProtoICMP {
		binary.BigEndian.PutUint16(b[0:], k.sport)
		binary.BigEndian.PutUint16(b[2:], k.dport)
	}
	b = append(b, k.body...)
	if at := checksumAt(k.proto); !k.noChecksum {
		c := ^naive(pseudo(k.src, k.dst, k.proto, len(b)), b)
		if c == 0 && k.proto == wire.ProtoUDP {
			c = 0xffff
		}
		binary.BigEndian.PutUint16(b[at:], c)
	}
	return b
}

func (k pkt) bytes() []byte {
	return ipPacket(k.src, k.dst, k.proto, k.ipid, 0, k.transport())
}

// ipPacket wraps payload; frag is the fragment field, flags and offset.
func ipPacket(src, dst wire.IP4, proto byte, id, frag uint16, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], frag)
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	binary.BigEndian.PutUint16(b[10:], ^naive(0, b))
	return append(b, payload...)
}

func checksumAt(proto byte) int {
	return map[byte]int{wire.ProtoTCP: 16, wire.ProtoUDP: 6, wire.ProtoICMP: 2}[proto]
}

// pseudo is the pseudo-header's sum; ICMP has none.
func pseudo(src, dst wire.IP4, proto byte, n int) uint32 {
	if proto == wire.ProtoICMP {
		return 0
	}
	b := append(append([]byte{}, src[:]...), dst[:]...)
	b = append(b, 0, proto, byte(n>>8), byte(n))
	return uint32(naive(0, b))
}

// naive is the ones'-complement sum, word by word as RFC 1071 puts it.
func naive(start uint32, b []byte) uint16 {
	sum := start
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i]) << 8
		if i+1 < len(b) {
			word |= uint32(b[i+1])
		}
		sum += word
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum&0xffff + sum>>16)
}

// unfinished leaves the transport checksum of a built packet to the hardware.
func unfinished(b []byte) *frame.Offload {
	proto := b[9]
	at := 20 + checksumAt(proto)
	sum := naive(pseudo(wire.IP4(b[12:16]), wire.IP4(b[16:20]), proto, len(b)-20), nil)
	binary.BigEndian.PutUint16(b[at:], sum)
	return &frame.Offload{Flags: frame.NeedsCsum, CsumStart: wire.EthernetLen + 20, CsumOffset: uint16(checksumAt(proto))}
}

// sumsRight recomputes every checksum of a whole packet.
func sumsRight(b []byte, o *frame.Offload) error {
	if naive(0, b[:20]) != 0xffff {
		return fmt.Errorf("IP header checksum wrong: % x", b[:20])
	}
	proto, seg := b[9], b[20:]
	ps := pseudo(wire.IP4(b[12:16]), wire.IP4(b[16:20]), proto, len(seg))
	field := binary.BigEndian.Uint16(seg[checksumAt(proto):])
	switch {
	case o != nil && o.NeedsCsum():
		if field%0xffff != uint16(ps)%0xffff {
			return fmt.Errorf("partial checksum %#04x, pseudo-header sum %#04x", field, ps)
		}
	case proto == wire.ProtoUDP && field == 0:
	case naive(ps, seg) != 0xffff:
		return fmt.Errorf("transport checksum %#04x wrong, sums to %#04x", field, naive(ps, seg))
	}
	return nil
}

func outPacket(b []byte, o *frame.Offload) *Packet {
	return &Packet{L3: b, L3Offset: wire.EthernetLen, Offload: o, Outside: host, Guest: Guest{Network: 1, MAC: mac}}
}

func inPacket(b []byte, o *frame.Offload) *Packet {
	return &Packet{L3: b, L3Offset: wire.EthernetLen, Offload: o}
}

// mustOut sends k from its guest and gives the translated bytes.
func mustOut(tb testing.TB, t *Table, now Time, k pkt) []byte {
	tb.Helper()
	b := k.bytes()
	if r := t.Outbound(now, outPacket(b, nil)); r != frame.Forwarded {
		tb.Fatalf("outbound %v:%d → %v:%d: %v", k.src, k.sport, k.dst, k.dport, r)
	}
	if err := sumsRight(b, nil); err != nil {
		tb.Fatal(err)
	}
	return b
}

// reply is a packet of the same flow as the translated outbound bytes b, coming
// back.
func reply(b []byte, flags byte) pkt {
	k := pkt{src: wire.IP4(b[16:20]), dst: wire.IP4(b[12:16]), proto: b[9], flags: flags}
	if k.proto == wire.ProtoICMP {
		k.icmpType, k.sport = wire.ICMPEchoReply, binary.BigEndian.Uint16(b[24:])
		return k
	}
	k.sport, k.dport = binary.BigEndian.Uint16(b[22:]), binary.BigEndian.Uint16(b[20:])
	return k
}

// outsidePort is the port, or identifier, that translated outbound bytes b use.
func outsidePort(b []byte) uint16 {
	if b[9] == wire.ProtoICMP {
		return binary.BigEndian.Uint16(b[24:])
	}
	return binary.BigEndian.Uint16(b[20:])
}

func wantIn(tb testing.TB, t *Table, now Time, k pkt, want frame.Reason) *Packet {
	tb.Helper()
	p := inPacket(k.bytes(), nil)
	if r := t.Inbound(now, p); r != want {
		tb.Fatalf("inbound %v:%d → %v:%d: %v, want %v", k.src, k.sport, k.dst, k.dport, r, want)
	}
	if want == frame.Forwarded {
		if err := sumsRight(p.L3, nil); err != nil {
			tb.Fatal(err)
		}
	}
	return p
}

func udp(src wire.IP4, sport uint16, dst wire.IP4, dport uint16) pkt {
	return pkt{src: src, dst: dst, proto: wire.ProtoUDP, sport: sport, dport: dport, body: []byte("payload")}
}

func tcp(src wire.IP4, sport uint16, dst wire.IP4, dport uint16, flags byte) pkt {
	return pkt{src: src, dst: dst, proto: wire.ProtoTCP, sport: sport, dport: dport, flags: flags, body: []byte("x")}
}

func echo(src wire.IP4, id uint16, dst wire.IP4) pkt {
	return pkt{src: src, dst: dst, proto: wire.ProtoICMP, sport: id, icmpType: wire.ICMPEcho, body: []byte("ping")}
}

// stateOf is the state of the only session.
func stateOf(tb testing.TB, t *Table, now Time) ConnState {
	tb.Helper()
	var out [2]Flow
	n, _ := t.Flows(now, Networks{All: true}, 0, out[:])
	if n != 1 {
		tb.Fatalf("%d flows, want one", n)
	}
	return out[0].State
}
