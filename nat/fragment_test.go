package nat

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// cut makes fragments of at most n payload bytes, n a multiple of eight.
func cut(k pkt, n int) (frags [][]byte) {
	whole := k.transport()
	for off := 0; off < len(whole); off += n {
		end, field := min(off+n, len(whole)), uint16(off/8)
		if end < len(whole) {
			field |= 0x2000
		}
		frags = append(frags, ipPacket(k.src, k.dst, k.proto, k.ipid, field, whole[off:end]))
	}
	return frags
}

// join puts fragments together again and checks that they share their header.
func join(frags [][]byte) ([]byte, error) {
	slices.SortFunc(frags, func(a, b []byte) int { return wire.IPv4(a).FragmentOffset() - wire.IPv4(b).FragmentOffset() })
	var whole []byte
	for _, f := range frags {
		ip := wire.IPv4(f)
		if !ip.ChecksumOK() {
			return nil, fmt.Errorf("header checksum wrong")
		}
		if ip.Src() != wire.IPv4(frags[0]).Src() || ip.Dst() != wire.IPv4(frags[0]).Dst() || ip.FragmentOffset() != len(whole) {
			return nil, fmt.Errorf("%v → %v at %d does not fit", ip.Src(), ip.Dst(), ip.FragmentOffset())
		}
		whole = append(whole, ip.Payload()...)
	}
	ip := wire.IPv4(frags[0])
	b := ipPacket(ip.Src(), ip.Dst(), ip.Proto(), ip.ID(), 0, whole)
	return b, sumsRight(b, nil)
}

// pass sends a fragment through and gives all that comes out.
func pass(t *Table, now Time, f []byte, from side) (out [][]byte, r frame.Reason) {
	p := outPacket(f, nil)
	if from == fromOutside {
		p = inPacket(f, nil)
		r = t.Inbound(now, p)
	} else {
		r = t.Outbound(now, p)
	}
	if r != frame.Forwarded || p.Held {
		return nil, r
	}
	out, guest := append(out, f), p.Guest
	for range p.Released {
		room, ok := t.NextReleased(p)
		if !ok || !bytes.Equal(room[ReleasedOffset:][:len(p.L3)], p.L3) {
			panic("a released fragment is missing or not where its room says")
		}
		if from == fromOutside && p.Guest != guest {
			panic("a released fragment is for another guest")
		}
		out = append(out, p.L3)
	}
	return out, r
}

func bodyOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

// Fragments of several datagrams, both ways, in any order: each comes out once,
// translated, and the datagrams are whole.
func TestFragmentsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := must(New(Config{FirstPort: 61000, LastPort: 65535, Seed: [2]uint64{1, 2},
			Sessions: 64, Mappings: 64, Fragments: 64, FragmentBytes: 512 << 10}))
		type piece struct {
			id   uint16
			from side
			b    []byte
		}
		var pieces []piece
		sent := map[uint16]int{}
		count := rapid.IntRange(1, 5).Draw(t, "datagrams")
		for i := range count {
			id := uint16(i)
			kinds := []pkt{udp(alice, 500+id, server, 53), echo(alice, 500+id, server), tcp(alice, 500+id, server, 80, flagSyn)}
			k := rapid.SampledFrom(kinds).Draw(t, "kind")
			from := rapid.SampledFrom([]side{fromInside, fromOutside}).Draw(t, "from")
			if from == fromOutside {
				b := k.bytes()
				if r := tab.Outbound(1, outPacket(b, nil)); r != frame.Forwarded {
					t.Fatal(r)
				}
				k = reply(b, flagSynAck)
			}
			k.ipid, k.body = id, bodyOf(rapid.IntRange(100, 9000).Draw(t, "body"))
			frags := cut(k, 8*rapid.IntRange(3, 400).Draw(t, "size"))
			if len(frags) < 2 || len(frags) > 40 {
				continue
			}
			for _, f := range frags {
				pieces = append(pieces, piece{id, from, f})
			}
			sent[id] = len(frags)
		}
		got := map[uint16][][]byte{}
		for _, p := range rapid.Permutation(pieces).Draw(t, "order") {
			out, r := pass(tab, 1, bytes.Clone(p.b), p.from)
			if r != frame.Forwarded {
				t.Fatalf("fragment refused: %v", r)
			}
			for _, f := range out {
				got[p.id] = append(got[p.id], bytes.Clone(f))
			}
		}
		for id, n := range sent {
			if len(got[id]) != n {
				t.Fatalf("datagram %d: %d of %d fragments came out", id, len(got[id]), n)
			}
			if _, err := join(got[id]); err != nil {
				t.Fatalf("datagram %d: %v", id, err)
			}
		}
		tab.Expire(1, all)
		if s := tab.Stats(); s.Datagrams != 0 || s.FragmentBytes != 0 {
			t.Fatalf("left behind: %+v", s)
		}
	})
}

func must(t *Table, err error) *Table {
	if err != nil {
		panic(err)
	}
	return t
}

func TestImpossibleFragments(t *testing.T) {
	long := make([]byte, 1000)
	payload := udp(alice, 1, server, 2).transport()
	cases := []struct {
		name  string
		proto byte
		field uint16
		body  []byte
		want  frame.Reason
	}{
		{"ends beyond 65,535", wire.ProtoUDP, 0x1fff, long, frame.BadFragment},
		{"no payload", wire.ProtoUDP, 0x2000, nil, frame.BadFragment},
		{"not a multiple of eight", wire.ProtoUDP, 0x2000, long[:999], frame.BadFragment},
		{"TCP header in two parts", wire.ProtoTCP, 0x2000, long[:16], frame.BadFragment},
		{"over the TCP header", wire.ProtoTCP, 1, long, frame.BadFragment},
		{"over the end of the TCP header", wire.ProtoTCP, 2, long, frame.BadFragment},
		{"UDP header whole", wire.ProtoUDP, 0x2000, payload[:8], frame.Forwarded},
		{"other protocol", 132, 0x2000, long, frame.UnsupportedProto},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := ipPacket(alice, server, c.proto, 1, c.field, c.body)
			if r := newTable(t).Outbound(1, outPacket(b, nil)); r != c.want {
				t.Errorf("%v, want %v", r, c.want)
			}
		})
	}
	b := cut(pkt{src: alice, dst: server, proto: wire.ProtoUDP, body: long}, 800)[0]
	o := &frame.Offload{Flags: frame.NeedsCsum, CsumStart: 34, CsumOffset: 6}
	if r := newTable(t).Outbound(1, outPacket(b, o)); r != frame.BadOffload {
		t.Errorf("unfinished fragment: %v", r)
	}
}

// The host's own fragments, which the uplink shows us too, take no memory once
// their first one has been seen.
func TestFragmentsOfTheHost(t *testing.T) {
	tab := newTable(t)
	k := udp(server, 53, host, 4000)
	k.body = bodyOf(4000)
	frags := cut(k, 1480)
	for _, f := range frags {
		if r := tab.Inbound(1, inPacket(f, nil)); r != frame.NoMapping {
			t.Errorf("%v", r)
		}
	}
	if s := tab.Stats(); s.FragmentBytes != 0 || s.Datagrams != 0 {
		t.Errorf("%+v", s)
	}
	// Those that came before it are dropped with it, and counted.
	k.ipid = 2
	frags = cut(k, 1480)
	slices.Reverse(frags)
	for i, f := range frags {
		p := inPacket(f, nil)
		if r := tab.Inbound(1, p); p.Held != (i < 2) || i == 2 && r != frame.NoMapping {
			t.Errorf("fragment %d: held %v, %v", i, p.Held, r)
		}
	}
	if drops, s := tab.Drops(), tab.Stats(); drops[frame.NoMapping] != 2 || s.FragmentBytes != 0 {
		t.Errorf("drops %d, %+v", drops[frame.NoMapping], s)
	}
}

func TestFragmentsWaitInVain(t *testing.T) {
	tab := newTable(t)
	k := udp(alice, 1, server, 2)
	k.body = bodyOf(4000)
	frags := cut(k, 1480)
	for _, f := range frags[1:] {
		if out, r := pass(tab, 1, f, fromInside); r != frame.Forwarded || out != nil {
			t.Fatalf("%v, %d out", r, len(out))
		}
	}
	tab.Expire(5, all)
	if s := tab.Stats(); s.Datagrams != 1 {
		t.Fatalf("gone too early: %+v", s)
	}
	tab.Expire(6, all)
	if drops, s := tab.Drops(), tab.Stats(); drops[frame.FragmentTimeout] != 2 || s.Datagrams+s.FragmentBytes != 0 {
		t.Errorf("drops %d, %+v", drops[frame.FragmentTimeout], s)
	}
}

// One sender that floods fragments gets its share; another's, in the worst
// order, still pass.
func TestFragmentMemoryIsShared(t *testing.T) {
	tab := newTable(t)
	refused := 0
	for id := range uint16(5000) {
		k := udp(bob, 1, server, 2)
		k.ipid, k.body = id, bodyOf(4000)
		_, r := pass(tab, 1, cut(k, 1480)[1], fromInside)
		if r == frame.FragmentMemory {
			refused++
		}
	}
	if drops := tab.Drops(); refused+int(drops[frame.FragmentMemory]) == 0 {
		t.Fatal("the flood was not bounded")
	}
	k := udp(alice, 1, server, 2)
	k.body = bodyOf(20000)
	frags := cut(k, 1480)
	slices.Reverse(frags)
	var out [][]byte
	for _, f := range frags {
		o, r := pass(tab, 1, f, fromInside)
		if r != frame.Forwarded {
			t.Fatal(r)
		}
		out = append(out, o...)
	}
	if _, err := join(out); err != nil || len(out) != len(frags) {
		t.Errorf("%d of %d: %v", len(out), len(frags), err)
	}
}

// The same by few datagrams of many fragments.
func TestFragmentBytesAreShared(t *testing.T) {
	tab := newTable(t)
	refused := 0
	for id := range uint16(8) {
		k := udp(bob, 1, server, 2)
		k.ipid, k.body = id, bodyOf(60000)
		for _, f := range cut(k, 1480)[1:] {
			if _, r := pass(tab, 1, f, fromInside); r == frame.FragmentMemory {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Fatal("the flood was not bounded")
	}
	k := udp(alice, 1, server, 2)
	k.body = bodyOf(40000)
	for _, f := range cut(k, 1480)[1:] {
		if _, r := pass(tab, 1, f, fromInside); r != frame.Forwarded {
			t.Fatal(r)
		}
	}
}

// What a caller does not fetch is dropped when the next release starts, and
// nothing leaks.
func TestReleaseNotFetched(t *testing.T) {
	tab := newTable(t)
	for id := range uint16(3) {
		k := udp(alice, 1, server, 2)
		k.ipid, k.body = id, bodyOf(4000)
		frags := cut(k, 1480)
		for _, f := range [][]byte{frags[2], frags[1], frags[0]} {
			if r := tab.Outbound(1, outPacket(f, nil)); r != frame.Forwarded {
				t.Fatal(r)
			}
		}
	}
	if drops := tab.Drops(); drops[frame.FragmentMemory] != 4 {
		t.Errorf("%d dropped, want 4", drops[frame.FragmentMemory])
	}
	var p Packet
	for range 2 {
		if _, ok := tab.NextReleased(&p); !ok {
			t.Fatal("the last release is gone")
		}
	}
	if _, ok := tab.NextReleased(&p); ok {
		t.Error("one too many")
	}
	tab.Expire(1, all)
	if s := tab.Stats(); s.FragmentBytes != 0 {
		t.Errorf("%+v", s)
	}
}

// The identification is used again before the first datagram's record is gone.
func TestIdentificationUsedAgain(t *testing.T) {
	tab := newTable(t)
	k := udp(alice, 1, server, 2)
	k.body = bodyOf(4000)
	mustFragment := func(f []byte) []byte {
		t.Helper()
		out, r := pass(tab, 1, f, fromInside)
		if r != frame.Forwarded || len(out) != 1 {
			t.Fatalf("%v, %d out", r, len(out))
		}
		return out[0]
	}
	mustFragment(cut(k, 1480)[0]) // the others are lost
	k.sport = 9
	var out [][]byte
	for _, f := range cut(k, 1480) {
		out = append(out, mustFragment(f))
	}
	if b, err := join(out); err != nil || binary.BigEndian.Uint16(b[22:]) != 2 {
		t.Error(err)
	}
}

func TestErrorInFragments(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 1, udp(alice, 5000, server, 53))
	k := icmpError(third, host, wire.ICMPUnreachable, append(bytes.Clone(out), bodyOf(1000)...))
	frags := cut(k, 504)
	var got [][]byte
	for _, i := range []int{1, 2, 0} {
		o, r := pass(tab, 1, frags[i], fromOutside)
		if r != frame.Forwarded {
			t.Fatal(r)
		}
		got = append(got, o...)
	}
	if b, err := join(got); err != nil || wire.IPv4(b).Dst() != alice {
		t.Error(err)
	}
}
