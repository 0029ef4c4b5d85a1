package segment

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// naive is the ones'-complement sum of some parts of even length, word by word.
func naive(parts ...[]byte) uint16 {
	var sum uint32
	for _, b := range parts {
		for i := 0; i < len(b); i += 2 {
			w := uint32(b[i]) << 8
			if i+1 < len(b) {
				w |= uint32(b[i+1])
			}
			sum += w
			sum = sum&0xffff + sum>>16
		}
	}
	return uint16(sum)
}

// transportOK sums a segment and its pseudo-header, made anew from the packet.
func (s super) transportOK(l3 []byte, off int) bool {
	t := l3[off:]
	tail := []byte{0, byte(len(t) >> 16), byte(len(t) >> 8), byte(len(t)), 0, s.proto()}
	if s.v6 {
		return naive(l3[8:24], finalDst[:], tail, t) == 0xffff
	}
	return naive(l3[12:20], tail, t) == 0xffff
}

// expectSegment compares segment i of n with what it must be.
func (s super) expectSegment(t fataler, f *frame.Frame, b []byte, i, n int) {
	t.Helper()
	from, start := f.Bytes(), int(f.Offload.CsumStart)
	l3 := wire.EthernetLen + 4*s.tags
	want := bytes.Clone(from[:start])
	if s.v6 {
		wire.IPv6(want[l3:]).SetPayloadLen(len(b) - l3 - 40)
	} else {
		p := wire.IPv4(want[l3:])
		p.SetID(s.id + uint16(i))
		p.SetTotalLen(len(b) - l3)
		p.SetChecksum(wire.IPv4(b[l3:]).Checksum())
		if sum := naive(b[l3 : l3+p.HeaderLen()]); sum != 0xffff {
			t.Fatalf("segment %d: IPv4 header sums to %#04x", i, sum)
		}
	}
	if diff := cmp.Diff(want, b[:start]); diff != "" {
		t.Fatalf("segment %d: headers (-want +got):\n%s", i, diff)
	}
	if !s.transportOK(b[l3:], start-l3) {
		t.Fatalf("segment %d: wrong checksum", i)
	}
	if s.udp {
		if got := wire.UDP(b[start:]).Len(); got != len(b)-start {
			t.Fatalf("segment %d: UDP length %d, want %d", i, got, len(b)-start)
		}
		return
	}
	s.expectTCP(t, wire.TCP(from[start:]), wire.TCP(b[start:]), i, n)
}

func (s super) expectTCP(t fataler, from, got wire.TCP, i, n int) {
	t.Helper()
	flags := s.flags
	if i < n-1 {
		flags &^= wire.TCPFin | wire.TCPPsh
	}
	if i > 0 {
		flags &^= wire.TCPCwr
	}
	if got.Flags() != flags {
		t.Fatalf("segment %d of %d: flags %#02x, want %#02x", i, n, got.Flags(), flags)
	}
	if want := s.seq + uint32(i*s.mss); got.Seq() != want {
		t.Fatalf("segment %d: sequence number %d, want %d", i, got.Seq(), want)
	}
	if !bytes.Equal(from.Options(), got.Options()) || from.SrcPort() != got.SrcPort() || from.DstPort() != got.DstPort() {
		t.Fatalf("segment %d: the header is another", i)
	}
}

// expectSegments compares all that was made of a superframe.
func (s super) expectSegments(t fataler, f *frame.Frame, all []made) {
	t.Helper()
	hdr, _ := f.Offload.Headers(f.Bytes())
	var payload []byte
	for i, m := range all {
		if m.o != (frame.Offload{}) {
			t.Fatalf("segment %d is left with %+v to do", i, m.o)
		}
		if size := len(m.b) - hdr; size > s.mss || i < len(all)-1 && size != s.mss {
			t.Fatalf("segment %d of %d carries %d bytes", i, len(all), size)
		}
		s.expectSegment(t, f, m.b, i, len(all))
		payload = append(payload, m.b[hdr:]...)
	}
	if !bytes.Equal(payload, f.Bytes()[hdr:]) {
		t.Fatalf("the segments carry %d other bytes than the superframe's %d", len(payload), f.Len()-hdr)
	}
}

func anySuper(t *rapid.T) super {
	s := super{
		udp: rapid.Bool().Draw(t, "udp"), v6: rapid.Bool().Draw(t, "v6"),
		tags:     rapid.IntRange(0, 2).Draw(t, "tags"),
		options:  rapid.IntRange(0, 5).Draw(t, "options"),
		routed:   rapid.Bool().Draw(t, "routed"),
		tcpWords: rapid.IntRange(0, 10).Draw(t, "tcp options"),
		flags:    rapid.Byte().Draw(t, "flags"),
		id:       rapid.Uint16().Draw(t, "id"),
		seq:      rapid.Uint32().Draw(t, "seq"),
		mss:      rapid.IntRange(32, 9000).Draw(t, "mss"),
		payload:  rapid.IntRange(0, 65535-60-60-80).Draw(t, "payload"),
	}
	s.routed = s.routed && s.v6
	return s
}

func TestSegmentsOfAnySuperframe(t *testing.T) {
	a := arena(t, frame.BatchSize)
	rapid.Check(t, func(t *rapid.T) {
		s := anySuper(t)
		f := s.frame()
		before := bytes.Clone(f.Bytes())
		all, r := cut(t, a, f, frame.Caps{})
		if r != frame.Forwarded {
			t.Fatalf("%s", r)
		}
		if want := max(1, (s.payload+s.mss-1)/s.mss); len(all) != want {
			t.Fatalf("%d segments, want %d", len(all), want)
		}
		s.expectSegments(t, f, all)
		if !bytes.Equal(before, f.Bytes()) {
			t.Fatal("the superframe itself is changed")
		}
		if a.Free() != frame.BatchSize {
			t.Fatalf("%d buffers are kept", frame.BatchSize-a.Free())
		}
	})
}

// TestAPortWithChecksumsIsLeftThem: finishing what is left gives what a port
// without them gets.
func TestAPortWithChecksumsIsLeftThem(t *testing.T) {
	a := arena(t, frame.BatchSize)
	rapid.Check(t, func(t *rapid.T) {
		s := anySuper(t)
		f := s.frame()
		want, _ := cut(t, a, f, frame.Caps{})
		got, r := cut(t, a, f, frame.Caps{Csum: true})
		if r != frame.Forwarded || len(got) != len(want) {
			t.Fatalf("%d segments, want %d: %s", len(got), len(want), r)
		}
		for i, m := range got {
			if !m.o.NeedsCsum() || m.o.IsGSO() || !m.o.Valid(len(m.b)) {
				t.Fatalf("segment %d is left with %+v", i, m.o)
			}
			var g frame.Frame
			g.Set(m.b, 0, len(m.b))
			g.Offload = m.o
			if !Finish(&g) || g.Offload != (frame.Offload{}) || !bytes.Equal(g.Bytes(), want[i].b) {
				t.Fatalf("segment %d is not finished to what a plain port gets", i)
			}
		}
	})
}

// TestAsGopacketReadsThem has an independent decoder read the segments of the
// usual superframe.
func TestAsGopacketReadsThem(t *testing.T) {
	a := arena(t, 4)
	s := super{tags: 1, tcpWords: 3, flags: wire.TCPAck | wire.TCPPsh | wire.TCPFin | wire.TCPCwr, id: 0xfffe, seq: 0xffffff00, mss: 1448, payload: 5000}
	all, r := cut(t, a, s.frame(), frame.Caps{})
	if r != frame.Forwarded || len(all) != 4 {
		t.Fatalf("%d segments: %s", len(all), r)
	}
	type fields struct {
		ID, Length    uint16
		Seq           uint32
		FIN, PSH, CWR bool
		Payload       int
	}
	var got []fields
	for _, m := range all {
		p := gopacket.NewPacket(m.b, layers.LayerTypeEthernet, gopacket.Default)
		if e := p.ErrorLayer(); e != nil || m.b[12] != 0x81 {
			t.Fatal(e)
		}
		ip := p.NetworkLayer().(*layers.IPv4)
		tcp := p.TransportLayer().(*layers.TCP)
		got = append(got, fields{ip.Id, ip.Length, tcp.Seq, tcp.FIN, tcp.PSH, tcp.CWR, len(tcp.Payload)})
	}
	want := []fields{
		{0xfffe, 1500, 0xffffff00, false, false, true, 1448},
		{0xffff, 1500, 0x4a8, false, false, false, 1448},
		{0x0000, 1500, 0xa50, false, false, false, 1448},
		{0x0001, 708, 0xff8, true, true, false, 656},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyAChecksumIsMissing(t *testing.T) {
	a := arena(t, 2)
	for _, s := range []super{
		{payload: 1000}, {udp: true, payload: 1001}, {v6: true, tags: 2, payload: 1}, {v6: true, udp: true, payload: 0},
		{v6: true, routed: true, options: 2, payload: 99},
	} {
		f := s.frame()
		all, r := cut(t, a, f, frame.Caps{TSO4: true, TSO6: true, USO: true})
		if r != frame.Forwarded || len(all) != 1 || all[0].o != (frame.Offload{}) {
			t.Fatalf("%+v: %d frames, %s", s, len(all), r)
		}
		l3 := wire.EthernetLen + 4*s.tags
		if b := all[0].b; !s.transportOK(b[l3:], int(f.Offload.CsumStart)-l3) || len(b) != f.Len() {
			t.Errorf("%+v: wrong checksum", s)
		}
		if !f.Offload.NeedsCsum() {
			t.Errorf("%+v: the frame itself is changed", s)
		}
	}
}

func TestAChecksumOfZeroIsSentAsOnes(t *testing.T) {
	s := super{udp: true, payload: 2}
	f := s.frame()
	b := f.Bytes()
	data := b[len(b)-2:]
	data[0], data[1] = 0, 0
	rest := naive(b[f.Offload.CsumStart:])
	data[0], data[1] = byte(^rest>>8), byte(^rest) // now all sums to 0xffff, whose complement is 0
	if !Finish(f) || wire.UDP(b[f.Len()-10:]).Checksum() != 0xffff {
		t.Errorf("checksum %#04x, want 0xffff", wire.UDP(b[f.Len()-10:]).Checksum())
	}
}

func TestWhatAPortTakesIsCopiedAsItIs(t *testing.T) {
	a := arena(t, 2)
	for name, s := range map[string]super{"superframe": {mss: 1448, payload: 65000}, "checksum": {payload: 100}} {
		f := s.frame()
		all, r := cut(t, a, f, frame.Caps{Csum: true, TSO4: true})
		if r != frame.Forwarded || len(all) != 1 || all[0].o != f.Offload || !bytes.Equal(all[0].b, f.Bytes()) {
			t.Errorf("%s: %d frames, %s", name, len(all), r)
		}
	}
	f := (super{payload: 100}).frame()
	Finish(f)
	if all, r := cut(t, a, f, frame.Caps{}); r != frame.Forwarded || len(all) != 1 || !bytes.Equal(all[0].b, f.Bytes()) {
		t.Errorf("finished frame: %d frames, %s", len(all), r)
	}
}

func TestFinishRefuses(t *testing.T) {
	whole := (super{mss: 1000, payload: 5000}).frame()
	lie := (super{payload: 10}).frame()
	lie.Offload.CsumStart = 60000
	for name, f := range map[string]*frame.Frame{"a superframe": whole, "a lie": lie} {
		before := bytes.Clone(f.Bytes())
		if Finish(f) || !bytes.Equal(before, f.Bytes()) {
			t.Errorf("%s is finished", name)
		}
	}
}
