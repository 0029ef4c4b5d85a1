package nat

import (
	"bytes"
	"encoding/binary"
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// FuzzPackets feeds a series of packets, each with a byte that says how and a
// length, through a table with a flow of each protocol. Whatever comes: no
// panic, nothing written beyond the packet, a refused packet unchanged, and the
// counts right.
func FuzzPackets(f *testing.F) {
	for _, k := range []pkt{
		udp(alice, 500, server, 53), tcp(alice, 500, server, 80, flagSyn), tcp(alice, 500, server, 80, flagRst), echo(alice, 7, server),
		icmpError(alice, server, wire.ICMPUnreachable, udp(server, 53, alice, 500).bytes()),
		icmpError(third, host, wire.ICMPTimeExceeded, udp(host, 61500, server, 53).bytes()),
		icmpError(third, host, wire.ICMPTimeExceeded, tcp(host, 61500, server, 80, flagSyn).bytes()[:28]),
		udp(server, 53, host, 61500), tcp(server, 80, host, 61500, flagSynAck),
	} {
		f.Add(fuzzInput(0, k.bytes()))
		f.Add(fuzzInput(1, k.bytes()))
		f.Add(fuzzInput(4, k.bytes()))
		k.body = bodyOf(100)
		frags := cut(k, 48)
		f.Add(append(append(fuzzInput(1, frags[2]), fuzzInput(1, frags[0])...), fuzzInput(1, frags[1])...))
		f.Add(append(fuzzInput(8, frags[1]), fuzzInput(8, frags[0])...))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		tab := newTable(t, func(c *Config) {
			c.Sessions, c.Mappings, c.FirstPort, c.LastPort, c.Fragments, c.FragmentBytes = 8, 6, 61500, 61503, 4, 100<<10
		})
		mustOut(t, tab, 1, udp(alice, 61500, server, 53))
		mustOut(t, tab, 1, tcp(alice, 61500, server, 80, flagSyn))
		now := Time(1)
		for range 64 {
			how, b, rest := nextFuzz(in)
			if in = rest; b == nil {
				break
			}
			now += Time(how >> 5)
			fuzzOne(t, tab, now, how, b)
			if how&16 != 0 {
				tab.Expire(now, 3)
			}
		}
		checkCounts(t, tab)
		tab.Expire(now+1e6, all)
		tab.Expire(now+2e6, all)
		if s := tab.Stats(); s.Sessions+s.Mappings+s.Guests+s.Datagrams+s.FragmentBytes != 0 {
			t.Fatalf("left behind: %+v", s)
		}
	})
}

func fuzzInput(how byte, b []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{how}, uint16(len(b))), b...)
}

func nextFuzz(in []byte) (how byte, b, rest []byte) {
	if len(in) < 3 {
		return 0, nil, nil
	}
	n := min(int(binary.BigEndian.Uint16(in[1:])), len(in)-3)
	return in[0], in[3:][:n], in[3+n:]
}

// fuzzOne sends one packet from the side that bit 0 of how names, with an
// offload where bit 2 is set: the first bytes are then a vnet header as well.
func fuzzOne(t *testing.T, tab *Table, now Time, how byte, in []byte) {
	const guard = 32
	mem := bytes.Repeat([]byte{0xa5}, len(in)+2*guard)
	b := mem[guard:][:len(in)]
	copy(b, in)
	var o *frame.Offload
	if how&4 != 0 && len(in) >= frame.VnetLen {
		o = new(frame.Offload)
		o.Decode(in)
	}
	p := outPacket(b, o)
	var r frame.Reason
	if how&1 != 0 {
		r = tab.Inbound(now, p)
	} else {
		r = tab.Outbound(now, p)
	}
	if len(p.L3) != len(in) || (r != frame.Forwarded || p.Held) && !bytes.Equal(b, in) {
		t.Fatalf("%v, held %v: packet changed", r, p.Held)
	}
	if intact := bytes.Repeat([]byte{0xa5}, guard); !bytes.Equal(mem[:guard], intact) || !bytes.Equal(mem[guard+len(in):], intact) {
		t.Fatal("written outside the packet")
	}
	for range p.Released {
		if _, ok := tab.NextReleased(p); !ok {
			t.Fatal("a released fragment is missing")
		}
	}
}
